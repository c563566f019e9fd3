/// A card as read.
#[derive(Clone, Debug)]
pub struct CardRead {}
