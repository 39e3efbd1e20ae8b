//! What is needed to run in a cluster, and in a container's confinement.

mod isolation;
mod manifests;
