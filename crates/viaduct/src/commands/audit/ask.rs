//! The rows of a running process, by its API.

use std::time::Duration;

use super::table::clean;
use crate::bridges::Row;
use crate::failure::Failure;
use crate::remote::Remote;

/// All pages of `/api/bridges`, of one configuration.
pub(super) async fn rows(url: &str) -> Result<Vec<Row>, Failure> {
    let remote = Remote::new(url, PATIENCE)?;
    for _ in 0..TRIES {
        let before = generation(&remote).await?;
        let rows = pages(&remote, url).await?;
        if generation(&remote).await? == before {
            return Ok(rows);
        }
    }
    Err(Failure::new(format!(
        "the configuration of `{url}` changed while it was read, {TRIES} times"
    )))
}

async fn pages(remote: &Remote, url: &str) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut page = 1;
    loop {
        let path = format!("/api/bridges?per_page={PER_PAGE}&page={page}");
        let told = remote.get::<Vec<Row>>(&path).await?;
        let unknown = |row: &&Row| !row.class.is_empty() && row.class().is_none();
        if let Some(row) = told.value.iter().find(unknown) {
            let class = clean(&row.class);
            return Err(Failure::new(format!("`{url}` speaks of a class `{class}`"))
                .hint("it is of another version: use its own `viaduct audit`"));
        }
        rows.extend(told.value);
        // Without it nobody knows whether these are all.
        let next = told.next.ok_or_else(|| {
            Failure::new(format!(
                "`{url}` does not say whether there are more bridges (`X-Next-Page`)"
            ))
        })?;
        if rows.len() > MOST_ROWS {
            return Err(Failure::new(format!("`{url}` has more than {MOST_ROWS} bridges")));
        }
        if next <= page {
            return Ok(rows);
        }
        page = next;
    }
}

async fn generation(remote: &Remote) -> Result<serde_json::Value, Failure> {
    let told = remote.get::<serde_json::Value>("/api/viaduct/about").await?;
    Ok(told.value.get("generation").cloned().unwrap_or_default())
}

const PER_PAGE: usize = 1000;
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_ROWS: usize = 1_000_000;
