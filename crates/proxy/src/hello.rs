//! Step 2: TLS or plain text, and which server name.
