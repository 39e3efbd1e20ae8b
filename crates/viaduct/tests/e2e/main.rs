//! The product as a black box: the real binary, real peers, scripted ones where a peer has to misbehave.
//!
//! | module | what it proves |
//! |---|---|
//! | `flow` | the flow Viaduct was made for, in the order of the article that tells it |
//! | `client_leg` | certificates, TLS options, resumption, 421, going down |
//! | `backend_leg` | every reason for a failed bridge, against a server that causes it |
//! | `faults` | a fault is the same wherever it is told, and the edit that is proposed mends it |
//! | `bridges` | what is demanded of both legs of every route, and how it is told |
//! | `http` | messages through the bridge: versions, bodies, headers, upgrades, gRPC |
//! | `smuggling` | ambiguous HTTP/1 (security checks C1 to C12) |
//! | `http2` | hostile HTTP/2 (C20 to C29) |
//! | `http3` | HTTP/3 with aioquic: TLS options, messages, hostile clients (C30 to C34), going down |
//! | `reload` | configuration that changes, breaks and comes back |
//! | `rotation` | a CA that is replaced, revoked, or only tried (C8, C9, C15) |
//! | `entry_points` | options of entry points, middlewares, the PROXY protocol, going down |
//! | `file_provider` | the flow from files alone, changes, faults, several providers |
//! | `cluster` | the Kubernetes provider against an API server: rotation, faults, rights, Events |
//! | `api` | API, dashboard (in Chromium) and ping of the running process |
//! | `ingress` | the flow from plain Ingresses and annotations of Services |
//! | `install` | Traefik's install configuration: sources, mistakes, the root command, `options`, `healthcheck` |
//! | `check` | `check` and `explain`: diagnostics, formats, statuses, edits |
//! | `cli` | commands and their messages |
//! | `cli_messages` | the whole text of what commands refuse with |
//! | `messages` | what the log says of mistakes in manifests |
//! | `observability` | metrics, access log and traces agree with what clients saw |
//! | `deployment` | manifests, chart and image: what they say is what the binary takes |
//! | `preflight` | servers are tried before requests need them; certificates that drift; rehearsals |
//! | `options` | every option that is called supported has an effect |
//! | `docs` | documents that have to match the code |

mod api;
mod backend_leg;
mod bridges;
mod check;
mod cli;
mod cli_messages;
mod client_leg;
mod cluster;
mod deployment;
mod docs;
mod entry_points;
mod faults;
mod file_provider;
mod fixture;
mod flow;
mod http;
mod http2;
mod http3;
mod ingress;
mod install;
mod messages;
mod observability;
mod options;
mod preflight;
mod reload;
mod rotation;
mod smuggling;
mod trace;
mod traffic;
