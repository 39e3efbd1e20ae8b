//! `viaduct version`.

use std::env::consts::{ARCH, OS};

use crate::output;

pub(crate) fn run() {
    output::result(format_args!(
        "Version:      {}\nCommit:       {}\nBuilt:        {}\nRust version: {}\nTLS library:  rustls on AWS-LC (TLS 1.2, 1.3)\nLicence:      {}\nOS/Arch:      {OS}/{ARCH}\n",
        env!("CARGO_PKG_VERSION"),
        env!("VIADUCT_COMMIT"),
        env!("VIADUCT_BUILT"),
        env!("VIADUCT_RUSTC"),
        env!("CARGO_PKG_LICENSE"),
    ));
}
