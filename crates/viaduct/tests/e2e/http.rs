//! Messages through the bridge: versions, bodies, headers, interim answers, upgrades, gRPC.

mod early;
mod grpc;
mod headers;
mod interim;
mod left;
mod messages;
mod objects;
mod upgrades;
mod websocket;
