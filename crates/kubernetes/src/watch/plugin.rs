//! Credential plugins of a kubeconfig (`users[].user.exec`): a command whose output is a credential.
//!
//! It runs beside everything else, with a deadline, without a terminal, and what it prints is told to nobody: it is
//! full of tokens, also where the command fails.

use std::collections::HashMap;
use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// Why a plugin gave no credential. Nothing here quotes what it printed, or its arguments.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("the credential plugin has no `command`")]
    NoCommand,
    #[error("`{command}` wants to talk to a person (`interactiveMode: Always`), and there is none")]
    Interactive { command: String },
    #[error("`{command}` cannot be run")]
    Start { command: String, source: std::io::Error },
    #[error("`{command}` has not ended within {} s", limit.as_secs_f32())]
    Late { command: String, limit: Duration },
    #[error("`{command}` failed: {status}")]
    Failed { command: String, status: ExitStatus },
    #[error(
        "`{command}` printed something that is no ExecCredential with a token or a certificate and its key"
    )]
    Unreadable { command: String },
}

/// What a plugin gave.
pub(super) struct Credential {
    pub(super) token: Option<String>,
    /// Certificate and key, in PEM.
    pub(super) pair: Option<(String, String)>,
    pub(super) expires: Option<Timestamp>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Runs a plugin, for `limit` at most. Dropping the future kills it.
pub(super) async fn run(exec: &ExecConfig, limit: Duration) -> Result<Credential, PluginError> {
    let command = exec.command.clone().ok_or(PluginError::NoCommand)?;
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(PluginError::Interactive { command });
    }
    let (status, printed) = match timeout(limit, output(exec, &command)).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(source)) => return Err(PluginError::Start { command, source }),
        Err(_) => return Err(PluginError::Late { command, limit }),
    };
    if !status.success() {
        return Err(PluginError::Failed { command, status });
    }
    // The parser's message would quote what it read.
    read(&printed).ok_or(PluginError::Unreadable { command })
}

async fn output(exec: &ExecConfig, command: &str) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let mut child = Command::new(command)
        .args(exec.args.iter().flatten())
        .envs(exec.env.iter().flatten().filter_map(variable))
        .env("KUBERNETES_EXEC_INFO", info(exec))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // One that prints more is cut off, and then its output is no credential.
        stdout.take(MAX_OUTPUT).read_to_end(&mut printed).await?;
    }
    Ok((child.wait().await?, printed))
}

fn variable(entry: &HashMap<String, String>) -> Option<(&String, &String)> {
    entry.get("name").zip(entry.get("value"))
}

/// What the plugin is told of us.
fn info(exec: &ExecConfig) -> String {
    let mut spec = json!({ "interactive": false });
    if exec.provide_cluster_info
        && let Ok(cluster) = serde_json::to_value(&exec.cluster)
        && let Some(fields) = spec.as_object_mut()
    {
        fields.insert("cluster".to_owned(), cluster);
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
}

fn read(printed: &[u8]) -> Option<Credential> {
    #[derive(Deserialize)]
    struct ExecCredential {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        expiration_timestamp: Option<String>,
        token: Option<String>,
        client_certificate_data: Option<String>,
        client_key_data: Option<String>,
    }
    // JSON is YAML, and some plugins print the latter.
    let ExecCredential { status } = serde_saphyr::from_slice(printed).ok()?;
    let token = status.token.filter(|token| !token.is_empty());
    let pair = status.client_certificate_data.zip(status.client_key_data);
    let expires = status.expiration_timestamp.map(|text| text.parse()).transpose();
    (token.is_some() || pair.is_some()).then_some(Credential {
        token,
        pair,
        expires: expires.ok()?,
    })
}

/// How long a plugin may take: it may ask an identity provider.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
const MAX_OUTPUT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    fn shell(script: &str) -> ExecConfig {
        let config = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script],
            "env": [{ "name": "GIVEN", "value": "given" }],
        });
        serde_json::from_value(config).expect("a plugin")
    }

    #[tokio::test]
    async fn a9_8_a_plugin_gives_a_token_or_a_pair_with_its_end() {
        let script = r#"echo "{\"status\": {\"token\": \"$GIVEN\", \"expirationTimestamp\": \"2030-01-02T03:04:05Z\"}}""#;
        let credential = run(&shell(script), LIMIT).await.expect("a credential");
        assert_eq!(credential.token.as_deref(), Some("given"));
        assert_eq!(
            credential.expires,
            Some("2030-01-02T03:04:05Z".parse().expect("a time"))
        );
        let script = "echo '{status: {clientCertificateData: c, clientKeyData: k}}'";
        let credential = run(&shell(script), LIMIT).await.expect("a credential");
        assert_eq!(credential.pair, Some(("c".to_owned(), "k".to_owned())));
        let info = r#"case "$KUBERNETES_EXEC_INFO" in *client.authentication.k8s.io/v1*) echo '{status: {token: t}}';; esac"#;
        assert!(run(&shell(info), LIMIT).await.is_ok());
    }

    #[tokio::test]
    async fn r14_a_plugin_that_hangs_blocks_nobody_and_is_ended() {
        let limit = Duration::from_millis(300);
        let begun = Instant::now();
        let plugin = tokio::spawn(async move { run(&shell("exec sleep 60"), limit).await });
        // On the same thread as the plugin's.
        let mut ticks = 0;
        while !plugin.is_finished() {
            sleep(Duration::from_millis(10)).await;
            ticks += 1;
        }
        assert!(ticks >= 5, "{ticks}");
        let outcome = plugin.await.expect("no panic");
        assert!(matches!(outcome, Err(PluginError::Late { .. })), "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn r24_what_a_plugin_prints_is_told_to_nobody() {
        for script in [
            "echo s3cret; echo s3cret >&2; exit 1",
            "echo '{status: {token: s3cret, expirationTimestamp: s3cret}}'",
            "echo '{status: [s3cret'",
            "echo '{status: {clientKeyData: s3cret}}'",
        ] {
            let error = run(&shell(script), LIMIT).await.expect_err(script);
            let told = format!("{error} {error:?}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        let credential = run(&shell("echo '{status: {token: s3cret}}'"), LIMIT).await;
        assert!(!format!("{credential:?}").contains("s3cret"));
    }
}
