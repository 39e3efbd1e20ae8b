//! Where the API server is, and who we are to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::Config;
use kube::config::{AuthInfo, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::plugin::{self, PluginError};

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
    #[error("the kubeconfig's credential plugin gave nothing")]
    Plugin(#[source] PluginError),
    #[error("the kubeconfig's `auth-provider` runs a command, which Kubernetes has given up")]
    AuthProvider,
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
    /// By a plugin, which may be asked for another.
    Given(String),
    File(PathBuf),
}

/// What a client is made of.
pub(super) struct Credentials {
    pub(super) config: Config,
    pub(super) token: Token,
    /// When a plugin has to be asked again.
    pub(super) expires: Option<Timestamp>,
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
        let (token, expires) = self.token(&mut config.auth_info).await?;
        Ok(Credentials {
            config,
            token,
            expires,
        })
    }

    /// Our own token, or that of the kubeconfig where the client would block on it; a plugin's pair goes into `auth`.
    async fn token(&self, auth: &mut AuthInfo) -> Result<(Token, Option<Timestamp>), AccessError> {
        let (exec, file) = (auth.exec.take(), auth.token_file.take());
        let provider = auth.auth_provider.as_ref();
        if provider.is_some_and(|provider| provider.config.contains_key("cmd-path")) {
            return Err(AccessError::AuthProvider);
        }
        if let Some(text) = &self.token {
            auth.token = None;
            return Ok((given(text), None));
        }
        if let Some(path) = file {
            return Ok((Token::File(path.into()), None));
        }
        // What is written counts over what a plugin says, as kubectl has it.
        let written = auth.token.is_some() || auth.password.is_some();
        let Some(exec) = exec.filter(|_| !written) else {
            return Ok((Token::None, None));
        };
        let credential = plugin::run(&exec, plugin::LIMIT)
            .await
            .map_err(AccessError::Plugin)?;
        if let Some((certificate, key)) = credential.pair {
            auth.client_certificate_data = Some(STANDARD.encode(certificate));
            auth.client_key_data = Some(STANDARD.encode(key).into());
        }
        let token = credential.token.map_or(Token::None, Token::Given);
        Ok((token, credential.expires))
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
