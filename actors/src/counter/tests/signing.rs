//! Cards that are signed for.

use super::{offline::visa, *};
use crate::{domain::signature::Drawing, store::requests::SignPayment, wire::emv::CardRead};

fn drawing() -> Drawing {
    Drawing::new(300, 100, &vec![vec![[1, 1], [20, 30]]]).unwrap()
}

impl Shop {
    /// A card has paid so much.
    async fn paid_by_card(amount: &str) -> (Self, PaymentId) {
        Self::answered(amount, approved(cny(amount)), visa(1)).await
    }

    pub(super) fn reader_is_ready(&self) {
        self.counter
            .try_send(Fact {
                device: "01-nfc".parse().unwrap(),
                kind: FactKind::HealthChanged(Health::Ready),
            })
            .unwrap();
    }

    async fn answered(amount: &str, verdict: Verdict, card: Box<CardRead>) -> (Self, PaymentId) {
        let shop = shop();
        shop.ready().await;
        shop.reader_is_ready();
        shop.acquirer.tell(Operation::Charge, Told::Say(verdict));
        let id = shop.open_for(amount, Tender::Card).await.unwrap();
        shop.tap(id, card);
        shop.reaches(id, State::Approved).await;
        (shop, id)
    }

    async fn sign(&self, payment: PaymentId) -> Result<Payment, Refused> {
        let sign = SignPayment {
            payment,
            drawing: drawing(),
        };
        self.store.ask(sign, BOUND).await.unwrap()
    }
}

#[actix::test]
async fn above_the_limit_a_card_is_signed_for_once_and_the_signature_is_on_disk() {
    let (shop, id) = Shop::paid_by_card("100.01").await;
    assert!(shop.payment(id).unwrap().wants_signature());
    let signed = shop.sign(id).await.unwrap();
    assert_eq!(signed.signature.as_ref().unwrap().drawing, drawing());
    assert!(!signed.wants_signature());
    assert_eq!(shop.payment(id), Some(signed));
    assert!(matches!(
        shop.sign(id).await,
        Err(Refused::NoSignatureWanted)
    ));
}

#[actix::test]
async fn up_to_the_limit_nobody_signs() {
    let (shop, id) = Shop::paid_by_card("100.00").await;
    assert!(!shop.payment(id).unwrap().wants_signature());
    assert!(matches!(
        shop.sign(id).await,
        Err(Refused::NoSignatureWanted)
    ));
}

#[actix::test]
async fn below_the_limit_the_acquirer_or_the_card_may_ask_for_one() {
    let asks = |verdict| match verdict {
        Verdict::Approved {
            acquirer_ref,
            money,
            ..
        } => Verdict::Approved {
            acquirer_ref,
            money,
            signature: true,
        },
        other => other,
    };
    let card_asks = Box::new(CardRead {
        signature: true,
        ..*visa(1)
    });
    let money = cny("1.00");
    for (verdict, card) in [
        (asks(approved(money)), visa(1)),
        (approved(money), card_asks),
    ] {
        let (shop, id) = Shop::answered("1.00", verdict, card).await;
        assert!(shop.payment(id).unwrap().wants_signature());
        let signed = shop.sign(id).await.unwrap();
        assert!(signed.signature.is_some());
        tokio::time::resume();
    }
}

#[actix::test]
async fn the_terminal_s_signature_is_kept_and_its_refusal_leaves_the_payment_as_it_is() {
    let (shop, id) = Shop::paid_by_card("200.00").await;
    shop.fact(FactKind::SignatureRefused {
        payment: id,
        why: "no pad".into(),
    });
    shop.fact(FactKind::Signed {
        payment: id,
        drawing: drawing(),
    });
    let signed = until("signed", || {
        shop.payment(id)
            .filter(|payment| payment.signature.is_some())
    });
    assert_eq!(signed.await.state, State::Approved);
}
