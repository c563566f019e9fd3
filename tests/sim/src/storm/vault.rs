//! The vault in a storm: what was kept before a crash is there after it, what was on its way is
//! not.

use store_actors::{
    domain::{ids::PaymentId, offline::CardToken},
    ports::{CardVault, Reply, VaultFailed},
    testing::MemoryVault,
    wire::emv::CardRead,
};

use super::fate::Fate;

pub struct StormVault {
    pub memory: MemoryVault,
    pub fate: Fate,
}

impl CardVault for StormVault {
    fn token(&self, card: &CardRead) -> CardToken {
        self.memory.token(card)
    }

    fn keep(&self, payment: PaymentId, card: &CardRead) -> Reply<'_, Result<(), VaultFailed>> {
        let card = card.clone();
        Box::pin(async move {
            self.fate.lives(|| format!("vault: keeps {payment}")).await;
            self.memory.keep(payment, &card).await
        })
    }

    fn read(&self, payment: PaymentId) -> Reply<'_, Result<Option<CardRead>, VaultFailed>> {
        self.memory.read(payment)
    }

    fn destroy(&self, payment: PaymentId) -> Reply<'_, Result<(), VaultFailed>> {
        Box::pin(async move {
            self.fate
                .lives(|| format!("vault: destroys {payment}"))
                .await;
            self.memory.destroy(payment).await
        })
    }

    fn kept(&self) -> Reply<'_, Result<Vec<PaymentId>, VaultFailed>> {
        self.memory.kept()
    }
}
