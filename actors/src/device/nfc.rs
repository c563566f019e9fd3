use actix::prelude::*;
pub struct NfcReader;
impl Actor for NfcReader {
    type Context = Context<Self>;
}
impl Handler<super::Arm> for NfcReader {
    type Result = ();
    fn handle(&mut self, _: super::Arm, _: &mut Context<Self>) {}
}
impl Handler<super::Disarm> for NfcReader {
    type Result = ();
    fn handle(&mut self, _: super::Disarm, _: &mut Context<Self>) {}
}
impl Handler<super::Command> for NfcReader {
    type Result = ();
    fn handle(&mut self, _: super::Command, _: &mut Context<Self>) {}
}
impl Handler<super::OfferAmountEntry> for NfcReader {
    type Result = ();
    fn handle(&mut self, _: super::OfferAmountEntry, _: &mut Context<Self>) {}
}
