//! The real kubectl, against a cluster or the test server.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::child::{Child, Finished, run};
use crate::tool::Tool;

/// kubectl with a kubeconfig. Its caches are those of the kubeconfig's directory, not the user's.
#[derive(Debug, Clone)]
pub struct Kubectl {
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(kubeconfig: &Path) -> Self {
        Self {
            kubeconfig: kubeconfig.to_owned(),
        }
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs it to its end.
    pub fn try_run(&self, arguments: &[&str], input: &str) -> Finished {
        run(&mut self.command(arguments), input.as_bytes())
    }

    /// Runs it to its end, which has to be success; what it has printed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, "")
    }

    /// As [`Kubectl::run`] with something on standard input.
    #[track_caller]
    pub fn run_with(&self, arguments: &[&str], input: &str) -> String {
        let finished = self.try_run(arguments, input);
        assert!(
            finished.status.success(),
            "kubectl {arguments:?}:\n{}",
            finished.output
        );
        finished.printed
    }

    /// Runs it to its end, which has to be failure; all it has written.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], input: &str) -> String {
        let finished = self.try_run(arguments, input);
        assert!(
            !finished.status.success(),
            "kubectl {arguments:?} was not refused:\n{}",
            finished.output
        );
        finished.output
    }

    /// `kubectl apply` of manifests.
    #[track_caller]
    pub fn apply(&self, manifests: &str) -> String {
        self.run_with(&["apply", "-f", "-"], manifests)
    }

    /// What it prints with `-o json`, read.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
    }

    /// Starts it and leaves it running, such as a watch.
    pub fn start(&self, arguments: &[&str]) -> Child {
        Child::spawn(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let home = self.kubeconfig.parent().unwrap_or_else(|| Path::new("/"));
        let mut command = Command::new(Tool::Kubectl.path());
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(home.join("kubectl-cache"))
            .args(arguments)
            .env("HOME", home)
            .env_remove("KUBECONFIG");
        command
    }
}
