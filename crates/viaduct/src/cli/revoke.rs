//! `viaduct revoke`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use viaduct_config::ObjectRef;
use viaduct_config::duration::GoDuration;

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Certificates: PEM files, each certificate in them, or SHA-256 fingerprints
    #[arg(value_name = "CERT", required = true)]
    pub(crate) certificates: Vec<String>,

    #[command(flatten)]
    pub(crate) target: RevokeTarget,

    /// kubeconfig of the cluster [default: as kubectl finds it]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Wait until this process has cut what rests on the certificates, and trusts them no more
    #[arg(long, value_name = "URL")]
    pub(crate) api: Vec<String>,

    /// For how long that is waited for
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub(crate) wait: Duration,
}

/// Where they are listed; nowhere: the lines are printed.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct RevokeTarget {
    /// The file of `bridge.revokedFile`: for every servers transport
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// A ServersTransport, by its annotation: for this one
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) servers_transport: Option<Named>,

    /// A Secret, by its annotation: for every ServersTransport that has its CAs from there
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) secret: Option<Named>,

    /// A ConfigMap, likewise
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) config_map: Option<Named>,
}

impl RevokeTarget {
    /// The object to annotate.
    pub(crate) fn object(&self) -> Option<ObjectRef> {
        let of = |kind: &str, named: &Option<Named>| {
            let Named { namespace, name } = named.as_ref()?;
            Some(ObjectRef::new(kind, namespace.as_str(), name.as_str()))
        };
        of("ServersTransport", &self.servers_transport)
            .or_else(|| of("Secret", &self.secret))
            .or_else(|| of("ConfigMap", &self.config_map))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = GoDuration::parse(text).map_err(|error| error.to_string())?;
    let duration = duration.to_std().filter(|duration| *duration <= LONGEST);
    duration.ok_or_else(|| "it is negative or longer than a day".to_owned())
}

const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// `namespace/name`.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    namespace: String,
    name: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        };
        match text.split_once('/') {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("write it as `namespace/name`".to_owned()),
        }
    }
}
