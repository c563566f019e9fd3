//! Who may do what: one table of every route, and one of what each needs.
//!
//! A route that is not here is refused, whoever asks; a test holds the table against the router and
//! another one asks for every route in every role. So a page or a path that is added says here whom
//! it is for, or it is for nobody.

use super::{Role, Scope};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Nothing: signing in itself, signs of life, what a page looks like.
    Open,
    /// Figures of the running program.
    Measure,
    /// One's own session.
    Own,
    /// Counters, devices, payments, what is unknown.
    Look,
    /// Begin and cancel payments.
    Take,
    /// Ask a supervisor at the counter.
    AskApproval,
    /// Give money back.
    GiveBack,
    /// Shifts and the cash in a drawer.
    Drawer,
    /// One shift and its X or Z report: to read.
    ReadShift,
    /// Statements, shifts, days, differences: to read.
    ReadBooks,
    /// Close days, decide differences.
    KeepBooks,
    /// Devices and what the head office does not take.
    Operate,
    /// Who did what.
    ReadAudit,
    /// People and tokens.
    ManagePeople,
}

/// Whether somebody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    No,
    /// With somebody's approval who may by himself.
    IfApproved,
    Yes,
}

use Grant::{IfApproved as A, No as N, Yes as Y};

impl Permission {
    pub const ALL: [Self; 14] = [
        Permission::Open,
        Permission::Measure,
        Permission::Own,
        Permission::Look,
        Permission::Take,
        Permission::AskApproval,
        Permission::GiveBack,
        Permission::Drawer,
        Permission::ReadShift,
        Permission::ReadBooks,
        Permission::KeepBooks,
        Permission::Operate,
        Permission::ReadAudit,
        Permission::ManagePeople,
    ];

    /// Cashier, supervisor, manager, operator, auditor; and the scopes any of which is enough.
    const fn row(self) -> ([Grant; 5], &'static [Scope]) {
        match self {
            Permission::Open => ([Y, Y, Y, Y, Y], &Scope::ALL),
            Permission::Measure => ([N, N, Y, Y, Y], &[Scope::Metrics]),
            Permission::Own => ([Y, Y, Y, Y, Y], &[]),
            Permission::Look => (
                [Y, Y, Y, Y, Y],
                &[Scope::Read, Scope::Pay, Scope::Refund, Scope::Office],
            ),
            Permission::Take => ([Y, Y, Y, N, N], &[Scope::Pay]),
            Permission::AskApproval => ([Y, Y, Y, N, N], &[]),
            Permission::GiveBack => ([A, Y, Y, N, N], &[Scope::Refund]),
            Permission::Drawer => ([Y, Y, Y, N, N], &[Scope::Office]),
            Permission::ReadShift => ([Y, Y, Y, N, Y], &[Scope::Office]),
            Permission::ReadBooks => ([N, Y, Y, N, Y], &[Scope::Office]),
            Permission::KeepBooks => ([N, N, Y, N, N], &[Scope::Office]),
            Permission::Operate => ([N, N, Y, Y, N], &[]),
            Permission::ReadAudit => ([N, N, Y, N, Y], &[]),
            Permission::ManagePeople => ([N, N, Y, N, N], &[]),
        }
    }

    pub const fn of_role(self, role: Role) -> Grant {
        let ([cashier, supervisor, manager, operator, auditor], _) = self.row();
        match role {
            Role::Cashier => cashier,
            Role::Supervisor => supervisor,
            Role::Manager => manager,
            Role::Operator => operator,
            Role::Auditor => auditor,
        }
    }

    /// The scopes of which a token needs one.
    pub const fn scopes(self) -> &'static [Scope] {
        self.row().1
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// `is_local`: from the controller's own machine.
    Nobody {
        is_local: bool,
    },
    Person(Role),
    Token(&'a [Scope]),
}

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Allowed with an approval.
    NeedsApproval,
    /// Perhaps, for somebody who says who it is.
    SignIn,
    Refused,
    /// The path is there for other methods.
    WrongMethod,
}

/// Whether `who` may ask for the route of this method and pattern.
pub fn verdict(method: &str, pattern: &str, who: Who<'_>) -> Verdict {
    let of_path = || TABLE.iter().filter(|rule| rule.path == pattern);
    let Some(rule) = of_path().find(|rule| rule.method == method) else {
        return match of_path().next() {
            Some(_) => Verdict::WrongMethod,
            None => Verdict::Refused,
        };
    };
    rule.needs.verdict(who)
}

impl Permission {
    pub fn verdict(self, who: Who<'_>) -> Verdict {
        let is_free = match who {
            Who::Nobody { is_local } => {
                self == Permission::Open || (self == Permission::Measure && is_local)
            }
            Who::Person(role) => match self.of_role(role) {
                Grant::No => return Verdict::Refused,
                Grant::IfApproved => return Verdict::NeedsApproval,
                Grant::Yes => true,
            },
            Who::Token(scopes) => {
                let fits = scopes.iter().any(|scope| self.scopes().contains(scope));
                if !fits && self != Permission::Open {
                    return Verdict::Refused;
                }
                true
            }
        };
        if is_free {
            Verdict::Allowed
        } else {
            Verdict::SignIn
        }
    }
}

/// A route and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub method: &'static str,
    /// As the router has it.
    pub path: &'static str,
    pub needs: Permission,
}

const fn get(path: &'static str, needs: Permission) -> Rule {
    Rule {
        method: "GET",
        path,
        needs,
    }
}

const fn post(path: &'static str, needs: Permission) -> Rule {
    Rule {
        method: "POST",
        path,
        needs,
    }
}

/// Every route there is.
pub const TABLE: &[Rule] = &[
    // signing in, signs of life
    get("/sign-in", Permission::Open),
    post("/sign-in", Permission::Open),
    get("/setup", Permission::Open),
    post("/setup", Permission::Open),
    post("/sign-out", Permission::Own),
    get("/me", Permission::Own),
    post("/me", Permission::Own),
    get("/language/{tag}", Permission::Open),
    get("/assets/{name}", Permission::Open),
    get("/healthz", Permission::Open),
    get("/readyz", Permission::Open),
    get("/openapi.json", Permission::Open),
    get("/metrics", Permission::Measure),
    // the console
    get("/", Permission::Look),
    get("/counter/{id}", Permission::Look),
    get("/devices/{id}", Permission::Look),
    post("/devices/{id}", Permission::Operate),
    get("/payments", Permission::Look),
    get("/payments/{id}", Permission::Look),
    get("/unknown", Permission::Look),
    get("/outbox", Permission::Look),
    get("/office", Permission::ReadBooks),
    get("/office/comparison", Permission::ReadBooks),
    get("/office/fees", Permission::ReadBooks),
    get("/office/shifts", Permission::ReadBooks),
    post("/office/shifts", Permission::Drawer),
    get("/office/shifts/{counter}", Permission::ReadShift),
    post("/office/shifts/{counter}/cash", Permission::Drawer),
    post("/office/shifts/{counter}/close", Permission::Drawer),
    get("/office/shifts/{counter}/{number}", Permission::ReadShift),
    get("/office/days", Permission::ReadBooks),
    post("/office/days", Permission::KeepBooks),
    get("/office/differences", Permission::ReadBooks),
    get("/office/differences/{id}", Permission::ReadBooks),
    post("/office/differences/{id}", Permission::KeepBooks),
    get("/people", Permission::ManagePeople),
    get("/tokens", Permission::ManagePeople),
    get("/audit", Permission::ReadAudit),
    // payments and refunds
    post("/v1/payments", Permission::Take),
    get("/v1/payments", Permission::Look),
    get("/v1/payments/{id}", Permission::Look),
    post("/v1/payments/{id}/cancel", Permission::Take),
    post("/v1/payments/{id}/completion", Permission::Take),
    post("/v1/payments/{id}/refunds", Permission::GiveBack),
    post("/v1/payments/{id}/signature", Permission::Take),
    get("/v1/payments/{id}/signature.svg", Permission::Look),
    get("/v1/payments/{id}/qr.svg", Permission::Look),
    get("/v1/payments/{id}/qr.png", Permission::Look),
    get("/v1/refunds/{id}", Permission::Look),
    get("/v1/unknown", Permission::Look),
    post("/v1/approvals", Permission::AskApproval),
    // the store
    get("/v1/counters", Permission::Look),
    post("/v1/counters/{id}/scan-image", Permission::Take),
    get("/v1/counters/{id}/stickers", Permission::Look),
    // it says where customers' money goes
    post("/v1/counters/{id}/stickers", Permission::KeepBooks),
    // as a customer's code in a picture
    post("/v1/counters/{id}/sticker-image", Permission::Take),
    get("/v1/devices", Permission::Look),
    post("/v1/devices/{id}/test", Permission::Operate),
    get("/v1/offline", Permission::Look),
    get("/v1/outbox", Permission::Look),
    get("/v1/outbox/parked", Permission::Look),
    post("/v1/outbox/parked/{seq}/send", Permission::Operate),
    get("/v1/events", Permission::Look),
    // the back office
    get("/v1/office/statement", Permission::ReadBooks),
    get("/v1/office/comparison", Permission::ReadBooks),
    get("/v1/office/fees", Permission::ReadBooks),
    get("/v1/office/shifts", Permission::ReadBooks),
    post("/v1/office/shifts", Permission::Drawer),
    get("/v1/office/shifts/{counter}", Permission::ReadShift),
    post("/v1/office/shifts/{counter}/cash", Permission::Drawer),
    post("/v1/office/shifts/{counter}/close", Permission::Drawer),
    get(
        "/v1/office/shifts/{counter}/{number}",
        Permission::ReadShift,
    ),
    get("/v1/office/days", Permission::ReadBooks),
    post("/v1/office/days/{day}/close", Permission::KeepBooks),
    get("/v1/office/differences", Permission::ReadBooks),
    post("/v1/office/differences/{id}", Permission::KeepBooks),
    get("/v1/office/settlements", Permission::ReadBooks),
    post("/v1/acquirers/{id}/settlement", Permission::KeepBooks),
    // people
    get("/v1/people", Permission::ManagePeople),
    post("/v1/people", Permission::ManagePeople),
    post("/v1/people/{name}", Permission::ManagePeople),
    post("/v1/people/{name}/remove", Permission::ManagePeople),
    get("/v1/tokens", Permission::ManagePeople),
    post("/v1/tokens", Permission::ManagePeople),
    post("/v1/tokens/{id}/revoke", Permission::ManagePeople),
    get("/v1/audit", Permission::ReadAudit),
];

/// A page for people, who are led to the sign-in; of the rest, programs are told.
pub fn is_page(pattern: &str) -> bool {
    let of_programs = [
        "/v1/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/assets/",
    ];
    !of_programs.iter().any(|start| pattern.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOBODY: Who<'static> = Who::Nobody { is_local: true };

    #[test]
    fn what_is_not_in_the_table_is_refused_to_everybody() {
        for who in [NOBODY, Who::Person(Role::Manager), Who::Token(&Scope::ALL)] {
            assert_eq!(verdict("GET", "/v1/wages", who), Verdict::Refused);
            assert_eq!(verdict("DELETE", "/v1/payments", who), Verdict::WrongMethod);
        }
    }

    #[test]
    fn nobody_gets_further_than_the_sign_in() {
        let open = |rule: &&Rule| verdict(rule.method, rule.path, NOBODY) == Verdict::Allowed;
        let open: BTreeSet<&str> = TABLE.iter().filter(open).map(|rule| rule.path).collect();
        let expected = [
            "/sign-in",
            "/setup",
            "/language/{tag}",
            "/assets/{name}",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/metrics",
        ];
        assert_eq!(open, expected.into_iter().collect());
        let from_afar = Who::Nobody { is_local: false };
        assert_eq!(verdict("GET", "/metrics", from_afar), Verdict::SignIn);
        assert_eq!(verdict("GET", "/", from_afar), Verdict::SignIn);
    }

    #[test]
    fn who_reads_changes_nothing() {
        for role in [Role::Auditor] {
            let changes = TABLE.iter().filter(|rule| rule.method == "POST");
            for rule in
                changes.filter(|rule| !matches!(rule.needs, Permission::Open | Permission::Own))
            {
                let verdict = verdict("POST", rule.path, Who::Person(role));
                assert_eq!(verdict, Verdict::Refused, "{}", rule.path);
            }
        }
        let changes = TABLE.iter().filter(|rule| rule.method == "POST");
        for rule in changes.filter(|rule| rule.needs != Permission::Open) {
            let verdict = verdict(
                "POST",
                rule.path,
                Who::Token(&[Scope::Read, Scope::Metrics]),
            );
            assert_eq!(verdict, Verdict::Refused, "{}", rule.path);
        }
    }

    #[test]
    fn an_auditor_reads_all_but_what_managers_keep_of_people() {
        let kept = [Permission::ManagePeople, Permission::Open, Permission::Own];
        let reads = TABLE.iter().filter(|rule| rule.method == "GET");
        for rule in reads.filter(|rule| !kept.contains(&rule.needs)) {
            let verdict = verdict("GET", rule.path, Who::Person(Role::Auditor));
            assert_eq!(verdict, Verdict::Allowed, "{}", rule.path);
        }
    }

    #[test]
    fn a_cashier_takes_money_gives_back_with_approval_and_manages_nobody() {
        let ask = |method, path| verdict(method, path, Who::Person(Role::Cashier));
        assert_eq!(ask("POST", "/v1/payments"), Verdict::Allowed);
        assert_eq!(
            ask("POST", "/v1/payments/{id}/refunds"),
            Verdict::NeedsApproval
        );
        for (method, path) in [
            ("GET", "/people"),
            ("POST", "/v1/people"),
            ("POST", "/v1/tokens"),
            ("GET", "/audit"),
            ("POST", "/v1/office/days/{day}/close"),
            ("GET", "/v1/office/statement"),
        ] {
            assert_eq!(ask(method, path), Verdict::Refused, "{path}");
        }
    }

    #[test]
    fn every_approval_can_be_given_by_somebody() {
        for needs in Permission::ALL {
            let grants = Role::ALL.map(|role| needs.of_role(role));
            let asked = grants.contains(&Grant::IfApproved);
            assert!(!asked || grants.contains(&Grant::Yes), "{needs:?}");
        }
    }

    #[test]
    fn a_route_is_in_the_table_once() {
        let routes: BTreeSet<_> = TABLE.iter().map(|rule| (rule.method, rule.path)).collect();
        assert_eq!(routes.len(), TABLE.len());
    }

    #[test]
    fn a_tills_token_pays_and_no_more() {
        let ask = |method, path| verdict(method, path, Who::Token(&[Scope::Pay]));
        assert_eq!(ask("POST", "/v1/payments"), Verdict::Allowed);
        assert_eq!(ask("GET", "/v1/payments/{id}"), Verdict::Allowed);
        assert_eq!(ask("GET", "/healthz"), Verdict::Allowed);
        assert_eq!(ask("POST", "/v1/payments/{id}/refunds"), Verdict::Refused);
        assert_eq!(ask("GET", "/metrics"), Verdict::Refused);
        assert_eq!(ask("POST", "/sign-out"), Verdict::Refused);
    }
}
