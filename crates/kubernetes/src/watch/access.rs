//! Where the API server is, and who we are to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use kube::Config;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

/// How to reach an API server. Default: as the environment says, which is the service account inside a cluster,
/// and the files of `KUBECONFIG` elsewhere.
#[derive(Clone, Default)]
pub struct Access {
    /// `endpoint`: a URL, over that of the environment. Needed where the environment names none.
    pub endpoint: Option<String>,
    /// `token`: a bearer token, or the absolute path of a file with one, which is read again as it changes.
    pub token: Option<String>,
    /// `certAuthFilePath`: PEM, over the CA of the environment; read again as it changes.
    pub certificate_authority: Option<PathBuf>,
    /// A kubeconfig file, over the environment.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig. Default: its current one.
    pub context: Option<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "REDACTED"))
            .field("certificate_authority", &self.certificate_authority)
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .finish()
    }
}

/// The API server cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("nothing says where the Kubernetes API server is")]
    NoEndpoint,
    #[error("`{url}` is not the URL of an API server")]
    Endpoint {
        url: String,
        source: http::uri::InvalidUri,
    },
    #[error("the service account of this pod cannot be used")]
    InCluster(#[source] InClusterError),
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    #[error("the token file `{}` cannot be read", path.display())]
    Token { path: PathBuf, source: std::io::Error },
    #[error("the token is not one line of visible ASCII")]
    MalformedToken,
    #[error("no client can be made of the credentials")]
    Client(#[source] Box<kube::Error>),
}

/// A bearer token of our own; what a kubeconfig says of tokens and certificates is in the client itself.
#[derive(Clone)]
pub(super) enum Token {
    None,
    Fixed(String),
    File(PathBuf),
}

/// What a client is made of.
pub(super) struct Credentials {
    pub(super) config: Config,
    pub(super) token: Token,
}

impl Access {
    pub(super) async fn credentials(&self) -> Result<Credentials, AccessError> {
        let mut config = self.config().await?;
        if let Some(url) = &self.endpoint {
            config.cluster_url = parse(url)?;
        }
        if let Some(path) = &self.certificate_authority {
            config.root_cert_file = Some(path.clone());
        }
        // Every wait has a deadline of ours, which knows lists from watches.
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = None;
        // Ours knows what may be asked again, and tells what it waits for.
        config.default_retry = false;
        let from_config = config.auth_info.token_file.take();
        let token = match (&self.token, from_config) {
            (Some(text), _) => {
                config.auth_info.token = None;
                given(text)
            }
            (None, Some(path)) => Token::File(path.into()),
            (None, None) => Token::None,
        };
        Ok(Credentials { config, token })
    }

    /// In the order of Traefik: a cluster around us, then `KUBECONFIG`, then the endpoint alone.
    async fn config(&self) -> Result<Config, AccessError> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let unusable = |error| AccessError::Kubeconfig(Box::new(error));
        if let Some(path) = &self.kubeconfig {
            let kubeconfig = Kubeconfig::read_from(path).map_err(unusable)?;
            return Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(unusable);
        }
        if is_set("KUBERNETES_SERVICE_HOST") && is_set("KUBERNETES_SERVICE_PORT") {
            return match (Config::incluster_env(), &self.endpoint) {
                (Ok(config), _) => Ok(config),
                // A pod without a service account that is told all it needs.
                (Err(_), Some(url)) if self.token.is_some() => Ok(Config::new(parse(url)?)),
                (Err(error), _) => Err(AccessError::InCluster(error)),
            };
        }
        if let Some(kubeconfig) = Kubeconfig::from_env().map_err(unusable)? {
            return Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(unusable);
        }
        match &self.endpoint {
            Some(url) => Ok(Config::new(parse(url)?)),
            None => Err(AccessError::NoEndpoint),
        }
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn given(text: &str) -> Token {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Token::File(path)
    } else {
        Token::Fixed(text.to_owned())
    }
}

fn parse(url: &str) -> Result<http::Uri, AccessError> {
    url.parse().map_err(|source| AccessError::Endpoint {
        url: url.to_owned(),
        source,
    })
}

const CONNECT: Duration = Duration::from_secs(5);
