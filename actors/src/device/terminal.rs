use actix::prelude::*;
pub struct Terminal;
impl Actor for Terminal {
    type Context = Context<Self>;
}
impl Handler<super::Arm> for Terminal {
    type Result = ();
    fn handle(&mut self, _: super::Arm, _: &mut Context<Self>) {}
}
impl Handler<super::Disarm> for Terminal {
    type Result = ();
    fn handle(&mut self, _: super::Disarm, _: &mut Context<Self>) {}
}
impl Handler<super::Command> for Terminal {
    type Result = ();
    fn handle(&mut self, _: super::Command, _: &mut Context<Self>) {}
}
impl Handler<super::OfferAmountEntry> for Terminal {
    type Result = ();
    fn handle(&mut self, _: super::OfferAmountEntry, _: &mut Context<Self>) {}
}
