//! Who asks, and what they may do: tokens, client certificates, and the stored roles and bindings.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::failure::{Failure, Named};
use super::resource::qualified;
use super::store::Store;

/// Who a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

impl User {
    /// May do everything.
    pub(crate) fn admin() -> Self {
        Self {
            name: "kubernetes-admin".to_owned(),
            groups: vec![MASTERS.to_owned(), AUTHENTICATED.to_owned()],
        }
    }

    pub(crate) fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
        }
    }

    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                AUTHENTICATED.to_owned(),
            ],
        }
    }

    /// The common name and the organizations of a client certificate.
    pub(crate) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let organizations = subject
            .iter_organization()
            .filter_map(|organization| organization.as_str().ok())
            .map(str::to_owned);
        Some(Self {
            name,
            groups: organizations.chain([AUTHENTICATED.to_owned()]).collect(),
        })
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.groups.iter().any(|group| group == AUTHENTICATED)
    }

    fn is(&self, subject: &Value, namespace: Option<&str>) -> bool {
        let name = subject["name"].as_str().unwrap_or_default();
        match subject["kind"].as_str() {
            Some("User") => self.name == name,
            Some("Group") => self.groups.iter().any(|group| group == name),
            Some("ServiceAccount") => {
                let namespace = subject["namespace"].as_str().or(namespace).unwrap_or_default();
                self.name == Self::service_account(namespace, name).name
            }
            _ => false,
        }
    }
}

/// The tokens that are valid now.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<String, User>);

impl Tokens {
    pub(crate) fn add(&mut self, token: &str, user: User) {
        self.0.insert(token.to_owned(), user);
    }

    pub(crate) fn revoke(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// By the `Authorization` header, or the certificate of the connection; `anonymous` without either.
    pub(crate) fn identify(&self, header: Option<&str>, certificate: Option<&User>) -> Result<User, Failure> {
        match (header, certificate) {
            (_, Some(user)) => Ok(user.clone()),
            (Some(header), None) => header
                .strip_prefix("Bearer ")
                .and_then(|token| self.0.get(token.trim()))
                .cloned()
                .ok_or(Failure::Unauthorized),
            (None, None) => Ok(User::anonymous()),
        }
    }
}

/// What someone wants to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) subresource: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Wish {
    fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.plural.clone()
        } else {
            format!("{}/{}", self.plural, self.subresource)
        }
    }

    fn refusal(&self, user: &User) -> Failure {
        let place = match &self.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        Failure::Forbidden {
            of: Named {
                group: self.group.clone(),
                plural: self.plural.clone(),
                name: self.name.clone(),
            },
            why: format!(
                "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
                user.name,
                self.verb,
                self.resource(),
                self.group
            ),
        }
    }
}

/// Refusals that a test asks for; they win over every role.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    pub(crate) user: String,
    pub(crate) verbs: Vec<String>,
    /// `secrets`, `ingressroutes.traefik.io`, `*`.
    pub(crate) resources: Vec<String>,
    /// Empty: everywhere, and at the cluster scope.
    pub(crate) namespaces: Vec<String>,
}

impl Denial {
    fn covers(&self, user: &User, wish: &Wish) -> bool {
        let resource = qualified(&wish.group, &wish.plural);
        self.user == user.name
            && self.verbs.iter().any(|verb| verb == "*" || *verb == wish.verb)
            && self.resources.iter().any(|name| name == "*" || *name == resource)
            && (self.namespaces.is_empty()
                || wish
                    .namespace
                    .as_ref()
                    .is_some_and(|namespace| self.namespaces.contains(namespace)))
    }
}

/// Refuses with 403 what no role allows.
pub(crate) fn check(store: &Store, denials: &[Denial], user: &User, wish: &Wish) -> Result<(), Failure> {
    if allows(store, denials, user, wish) {
        Ok(())
    } else {
        Err(wish.refusal(user))
    }
}

pub(crate) fn allows(store: &Store, denials: &[Denial], user: &User, wish: &Wish) -> bool {
    if denials.iter().any(|denial| denial.covers(user, wish)) {
        return false;
    }
    if user.groups.iter().any(|group| group == MASTERS) {
        return true;
    }
    // What a cluster grants to everybody by its role `system:basic-user`.
    if wish.group == "authorization.k8s.io" && wish.plural.starts_with("selfsubject") {
        return user.is_authenticated();
    }
    rules(store, user, wish.namespace.as_deref()).any(|rule| permits(&rule, wish))
}

/// The rules that hold for `user`: cluster-wide, and in `namespace`.
pub(crate) fn rules<'a>(
    store: &'a Store,
    user: &'a User,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = Value> + 'a {
    let cluster = store.list(CLUSTER_BINDINGS).map(|(_, binding)| (None, binding));
    let local = store
        .list(BINDINGS)
        .filter(move |(key, _)| namespace == Some(&key.0))
        .map(|(key, binding)| (Some(key.0.as_str()), binding));
    cluster
        .chain(local)
        .filter(|(place, binding)| {
            let mut subjects = binding["subjects"].as_array().into_iter().flatten();
            subjects.any(|subject| user.is(subject, *place))
        })
        .filter_map(|(place, binding)| {
            let name = binding["roleRef"]["name"].as_str()?.to_owned();
            match (binding["roleRef"]["kind"].as_str()?, place) {
                ("ClusterRole", _) => store.get(CLUSTER_ROLES, &(String::new(), name)),
                ("Role", Some(namespace)) => store.get(ROLES, &(namespace.to_owned(), name)),
                _ => None,
            }
        })
        .flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default())
}

fn permits(rule: &Value, wish: &Wish) -> bool {
    let has = |field: &str, wanted: &str| {
        rule[field]
            .as_array()
            .into_iter()
            .flatten()
            .any(|value| value == "*" || value == wanted)
    };
    let any_with_subresource = format!("*/{}", wish.subresource);
    let names = rule["resourceNames"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    has("verbs", &wish.verb)
        && has("apiGroups", &wish.group)
        && (has("resources", &wish.resource())
            || (!wish.subresource.is_empty() && has("resources", &any_with_subresource)))
        && (names.is_empty() || names.iter().any(|name| *name == wish.name))
}

/// Answers `SelfSubjectAccessReview` and `SelfSubjectRulesReview`.
pub(crate) fn review(store: &Store, denials: &[Denial], user: &User, mut review: Value) -> Value {
    let spec = &review["spec"];
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let status = if review["kind"] == "SelfSubjectRulesReview" {
        let namespace = text(spec, "namespace");
        let rules: Vec<Value> = if user.groups.iter().any(|group| group == MASTERS) {
            vec![json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] })]
        } else {
            rules(store, user, Some(&namespace)).collect()
        };
        json!({ "resourceRules": rules, "nonResourceRules": [], "incomplete": false })
    } else {
        let wanted = &spec["resourceAttributes"];
        let wish = Wish {
            verb: text(wanted, "verb"),
            group: text(wanted, "group"),
            plural: text(wanted, "resource"),
            subresource: text(wanted, "subresource"),
            namespace: Some(text(wanted, "namespace")).filter(|namespace| !namespace.is_empty()),
            name: text(wanted, "name"),
        };
        json!({ "allowed": allows(store, denials, user, &wish) })
    };
    review["status"] = status;
    review
}

const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const ROLES: &str = "roles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
