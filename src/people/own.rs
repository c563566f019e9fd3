//! What people do with their own secret.

use store_actors::domain::people::{
    deed::{By, What},
    secret::{self, SecretRefused},
};

use super::{People, PeopleRefused, book::Person, proof};

impl People {
    /// A new secret of one's own, who has the old one. All other sessions of the person end; this
    /// one goes on under a new value, which is given.
    ///
    /// # Errors
    /// The old secret is wrong or has been guessed too often, or the new one won't do.
    pub async fn change_own_secret(
        &self,
        (person, session): (&Person, &str),
        (old, new): (&str, &str),
        from: &str,
    ) -> Result<(String, Person), PeopleRefused> {
        // guesses at it count as those of the sign-in
        let failed = What::SecretChangeFailed;
        let proven = self.prove(&person.name, old, from, failed).await?;
        if old == new {
            return Err(SecretRefused::Unchanged.into());
        }
        secret::check(proven.role, &proven.name, new)?;
        let hash = self.hasher.place()?.hash(new, &*self.entropy).await?;
        let by = By::Person(proven.name.clone());
        let deed = self.deed(by, What::SecretChanged, Some(&proven.name), from);
        let now = self.clock.now();
        let changed = self.change_and_record(deed, move |contents| {
            let person = contents.person_mut(&proven.name);
            let person = person.ok_or(PeopleRefused::NoSuchPerson)?;
            if person.generation != proven.generation {
                // somebody has changed it meanwhile: what was proven holds no more
                return Err(PeopleRefused::Wrong);
            }
            person.secret.clone_from(&hash);
            person.generation = person.generation.wrapping_add(1);
            person.changed_at = now;
            Ok(person.clone())
        });
        let changed = changed.await?;
        self.sessions.remove(&proof::sha256(session)).await;
        Ok((self.begin_session(&changed).await, changed))
    }
}
