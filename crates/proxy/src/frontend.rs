//! Step 3: TLS with the policy of the host that routing will use.
