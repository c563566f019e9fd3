use actix::prelude::*;
pub struct Scanner;
impl Actor for Scanner {
    type Context = Context<Self>;
}
impl Handler<super::Arm> for Scanner {
    type Result = ();
    fn handle(&mut self, _: super::Arm, _: &mut Context<Self>) {}
}
impl Handler<super::Disarm> for Scanner {
    type Result = ();
    fn handle(&mut self, _: super::Disarm, _: &mut Context<Self>) {}
}
impl Handler<super::Command> for Scanner {
    type Result = ();
    fn handle(&mut self, _: super::Command, _: &mut Context<Self>) {}
}
impl Handler<super::OfferAmountEntry> for Scanner {
    type Result = ();
    fn handle(&mut self, _: super::OfferAmountEntry, _: &mut Context<Self>) {}
}
