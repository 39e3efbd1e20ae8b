//! `--preflight` and `--preflight-interval`.

use clap::Args;
use viaduct_config::duration::GoDuration;
use viaduct_config::install::{Bridge, PreflightMode};

#[derive(Debug, Args)]
pub(crate) struct Preflight {
    /// Try the TLS of servers before requests need it: off, report, gate [default: report]
    ///
    /// `report` says of which servers the TLS would fail, after each change and every ten minutes. `gate` also lets a
    /// change of trust wait under which servers fail that pass under the trust in force.
    #[arg(
        id = "preflight",
        long = "preflight",
        value_name = "MODE",
        default_value_t,
        hide_default_value = true
    )]
    mode: PreflightMode,

    /// How often every server is tried again, such as `10m`; 0: only when something changed [default: 10m]
    #[arg(id = "preflight_interval", long = "preflight-interval", value_name = "DURATION", value_parser = interval)]
    interval: Option<GoDuration>,
}

impl Preflight {
    /// What the section of the install configuration says then.
    pub(crate) fn written_into(&self, section: Bridge) -> Bridge {
        Bridge {
            preflight: self.mode,
            preflight_interval: self.interval.unwrap_or(section.preflight_interval),
            ..section
        }
    }
}

fn interval(text: &str) -> Result<GoDuration, String> {
    let interval = GoDuration::parse(text).map_err(|error| error.to_string())?;
    if interval != GoDuration::default() && interval < GoDuration::from_secs(1) {
        return Err("less than a second; 0 means never".to_owned());
    }
    Ok(interval)
}
