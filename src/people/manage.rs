//! What managers do: people and tokens come, change and go.

use store_actors::{
    domain::{
        ids::CounterId,
        people::{
            self, Role, Scope,
            deed::{By, What},
            secret,
        },
    },
    language::Language,
};

use super::{
    People, PeopleRefused, TOKEN_START,
    book::{Contents, KEPT_MAX, Person, Token},
    proof,
};

/// Somebody new.
#[derive(Clone)]
pub struct NewPerson {
    pub name: String,
    pub role: Role,
    pub language: Language,
    pub secret: String,
}

/// What becomes different of a person; `None` stays.
#[derive(Clone, Default)]
pub struct Change {
    pub role: Option<Role>,
    pub language: Option<Language>,
    pub locked: Option<bool>,
    pub secret: Option<String>,
}

/// A program's token.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Only at these; empty: at all.
    pub counters: Vec<CounterId>,
}

impl People {
    /// # Errors
    /// The person is refused, or the journal does not take it.
    pub async fn add(&self, by: By, new: NewPerson, from: &str) -> Result<Person, PeopleRefused> {
        let person = self.hashed(new).await?;
        let deed = self.deed(by, What::PersonAdded, Some(&person.name), from);
        let added = person.clone();
        self.change_and_record(deed, move |contents| add(contents, added.clone()))
            .await?;
        Ok(person)
    }

    /// A new secret, role or lock ends all sessions of the person, and a change of any of them
    /// gives new tries.
    ///
    /// # Errors
    /// As `add`; nobody would be left who manages people.
    pub async fn change_person(
        &self,
        by: By,
        name: &str,
        change: Change,
        from: &str,
    ) -> Result<Person, PeopleRefused> {
        let contents = self.contents()?;
        let person = contents.person(name).ok_or(PeopleRefused::NoSuchPerson)?;
        let role = change.role.unwrap_or(person.role);
        let hash = match &change.secret {
            Some(secret) => {
                secret::check(role, name, secret)?;
                Some(self.hasher.place()?.hash(secret, &*self.entropy).await?)
            }
            // a PIN is not enough for every role
            None if person.role.may_use_pin() && !role.may_use_pin() => {
                return Err(secret::SecretRefused::NeedsPassword.into());
            }
            None => None,
        };
        let (now, wanted) = (self.clock.now(), name.to_owned());
        let deed = self.deed(by, What::PersonChanged, Some(name), from);
        let changed = self.change_and_record(deed, move |contents| {
            let person = contents.person_mut(&wanted);
            let person = person.ok_or(PeopleRefused::NoSuchPerson)?;
            let ends = hash.is_some() || change.role.is_some() || change.locked.is_some();
            person.role = role;
            person.locked = change.locked.unwrap_or(person.locked);
            if let Some(language) = change.language {
                language.tag().clone_into(&mut person.language);
            }
            if let Some(hash) = &hash {
                person.secret.clone_from(hash);
            }
            person.generation = person.generation.wrapping_add(u32::from(ends));
            person.changed_at = now;
            let person = person.clone();
            if !contents.has_manager() {
                return Err(PeopleRefused::LastManager);
            }
            Ok(person)
        });
        let changed = changed.await?;
        self.attempts.lock().forgive(name);
        self.keep_attempts().await;
        Ok(changed)
    }

    /// # Errors
    /// There is nobody of this name, or it is the last manager.
    pub async fn remove(&self, by: By, name: &str, from: &str) -> Result<(), PeopleRefused> {
        let deed = self.deed(by, What::PersonRemoved, Some(name), from);
        let name = name.to_owned();
        self.change_and_record(deed, move |contents| {
            let before = contents.people.len();
            contents.people.retain(|person| person.name != name);
            if contents.people.len() == before {
                return Err(PeopleRefused::NoSuchPerson);
            }
            if !contents.has_manager() {
                return Err(PeopleRefused::LastManager);
            }
            Ok(())
        })
        .await
    }

    /// Makes a token: the token, which is nowhere else from here on, and what is kept of it.
    ///
    /// # Errors
    /// The name or the scopes are refused, or the journal does not take it.
    pub async fn make_token(
        &self,
        by: By,
        new: NewToken,
        from: &str,
    ) -> Result<(String, Token), PeopleRefused> {
        let (value, token) = self.new_token(&by, new)?;
        let deed = self.deed(by, What::TokenMade, Some(&token.name), from);
        let made = token.clone();
        self.change_and_record(deed, move |contents| {
            if contents.tokens.len() >= KEPT_MAX {
                return Err(PeopleRefused::TooMany);
            }
            if contents.tokens.iter().any(|token| token.name == made.name) {
                return Err(PeopleRefused::NameTaken);
            }
            contents.tokens.push(made.clone());
            Ok(())
        })
        .await?;
        Ok((value, token))
    }

    fn new_token(&self, by: &By, new: NewToken) -> Result<(String, Token), PeopleRefused> {
        let name = people::name(&new.name).ok_or(PeopleRefused::NotAName)?;
        if new.scopes.is_empty() {
            return Err(PeopleRefused::NoScope);
        }
        let value = format!("{TOKEN_START}{}", proof::random(&*self.entropy));
        let mut scopes = new.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let token = Token {
            id: proof::nonce::<4>(&*self.entropy),
            name: name.to_owned(),
            sha256: proof::sha256(&value),
            scopes,
            counters: new.counters,
            made_at: self.clock.now(),
            made_by: by.name().to_owned(),
        };
        Ok((value, token))
    }

    /// # Errors
    /// There is no such token, or the journal does not take it.
    pub async fn revoke_token(&self, by: By, id: &str, from: &str) -> Result<(), PeopleRefused> {
        let contents = self.contents()?;
        let token = contents.tokens.iter().find(|token| token.id == id);
        let token = token.ok_or(PeopleRefused::NoSuchToken)?;
        let deed = self.deed(by, What::TokenRevoked, Some(&token.name), from);
        let id = id.to_owned();
        self.change_and_record(deed, move |contents| {
            contents.tokens.retain(|token| token.id != id);
            Ok(())
        })
        .await
    }

    pub(super) async fn hashed(&self, new: NewPerson) -> Result<Person, PeopleRefused> {
        let name = people::name(&new.name).ok_or(PeopleRefused::NotAName)?;
        secret::check(new.role, name, &new.secret)?;
        let secret = self
            .hasher
            .place()?
            .hash(&new.secret, &*self.entropy)
            .await?;
        // not from zero: sessions of somebody who had the name before are not this one's
        let mut generation = [0; 4];
        self.entropy.fill(&mut generation);
        Ok(Person {
            name: name.to_owned(),
            role: new.role,
            language: new.language.tag().to_owned(),
            secret,
            generation: u32::from_be_bytes(generation),
            locked: false,
            changed_at: self.clock.now(),
        })
    }
}

pub(super) fn add(contents: &mut Contents, person: Person) -> Result<(), PeopleRefused> {
    if contents.people.len() >= KEPT_MAX {
        return Err(PeopleRefused::TooMany);
    }
    if contents.person(&person.name).is_some() {
        return Err(PeopleRefused::NameTaken);
    }
    contents.people.push(person);
    Ok(())
}
