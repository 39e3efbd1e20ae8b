//! What is needed to run in a cluster, and in a container's confinement.

mod chart;
mod cluster;
mod image;
mod isolation;
mod manifests;
