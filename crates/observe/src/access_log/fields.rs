//! The fields of a line, and what is written of each.

use std::collections::HashMap;
use std::sync::Arc;

use super::options::Mode;

/// Defines [`Field`]: one variant per name, in the order of JSON lines (that of Go's encoder: sorted).
macro_rules! fields {
    ($($name:ident)*) => {
        /// A field by its name in JSON lines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "variants are spelled as the fields are")]
        pub(super) enum Field { $($name),* }

        impl Field {
            pub(super) const ALL: [Self; COUNT] = [$(Self::$name),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// A member of an object up to its value: the comma in front, name, colon. In one piece, because
            /// appending is most of what a line costs.
            #[inline(always)]
            pub(super) const fn open(self) -> &'static [u8] {
                match self { $(Self::$name => concat!(",\"", stringify!($name), "\":").as_bytes()),* }
            }

            /// As [`open`](Self::open), and the quote of a text.
            #[inline(always)]
            pub(super) const fn open_text(self) -> &'static [u8] {
                match self { $(Self::$name => concat!(",\"", stringify!($name), "\":\"").as_bytes()),* }
            }
        }

        const COUNT: usize = [$(stringify!($name)),*].len();
    };
}

fields! {
    BackendTLSCipher BackendTLSClientCertificate BackendTLSGroup BackendTLSPeerFingerprint BackendTLSPeerSANs
    BackendTLSResumed BackendTLSServerName BackendTLSVerifiedBy BackendTLSVersion
    ClientAddr ClientHost ClientPort ClientUsername
    DownstreamContentSize DownstreamStatus DownstreamStatusLine Duration
    Fault FaultDetail FaultFix GzipRatio KubernetesIngressName KubernetesIngressNamespace
    KubernetesServiceName KubernetesServiceNamespace KubernetesServicePort
    OriginContentSize OriginDuration OriginStatus OriginStatusLine Overhead
    RequestAddr RequestContentSize RequestCount RequestHost RequestLine RequestMethod RequestPath RequestPort
    RequestProtocol RequestScheme RetryAttempts
    RouterName ServiceAddr ServiceName ServiceURL StartLocal StartUTC
    TLSCipher TLSClientSubject TLSGroup TLSResumed TLSServerName TLSVersion
    entryPointName level msg span_id time trace_id
}

impl Field {
    /// Fields that say what others say already: written only where they are asked for by name.
    fn is_on_demand(self) -> bool {
        matches!(
            self,
            Self::DownstreamStatusLine | Self::OriginStatusLine | Self::RequestLine
        )
    }

    /// What a line of a log cannot be without.
    fn is_loggers_own(self) -> bool {
        matches!(self, Self::level | Self::msg | Self::time)
    }
}

/// What is written of each field.
#[derive(Debug, Clone)]
pub struct Fields {
    /// By field, so that no name is looked up for a request.
    modes: Arc<[Mode; COUNT]>,
    plain: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self::new(Mode::Keep, [])
    }
}

impl Fields {
    /// `names` overrule `default`, whatever their case: variables of the environment have no other than one.
    pub fn new<'n>(default: Mode, names: impl IntoIterator<Item = (&'n str, Mode)>) -> Self {
        let names: HashMap<_, _> = names
            .into_iter()
            .map(|(name, mode)| (name.to_ascii_lowercase(), mode))
            .collect();
        let mode = |field: Field| {
            let named = names.get(&field.name().to_ascii_lowercase()).copied();
            if field.is_loggers_own() {
                Mode::Keep
            } else if field.is_on_demand() {
                named.filter(|mode| *mode == Mode::Keep).unwrap_or(Mode::Drop)
            } else {
                named.unwrap_or(default)
            }
        };
        Self {
            modes: Arc::new(Field::ALL.map(mode)),
            plain: default == Mode::Keep && names.is_empty(),
        }
    }

    #[inline]
    pub(super) fn mode(&self, field: Field) -> Mode {
        // The table has a place for every field.
        self.modes.get(field as usize).copied().unwrap_or(Mode::Keep)
    }

    /// Whether every field is written as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn a11_3_fields_are_in_the_order_of_gos_encoder() {
        let names = Field::ALL.map(Field::name);
        assert!(names.is_sorted(), "{names:?}");
    }
}
