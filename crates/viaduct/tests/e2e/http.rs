//! Messages through the bridge: versions, bodies, headers, interim answers, upgrades, gRPC.

mod grpc;
mod headers;
mod interim;
mod messages;
mod upgrades;
mod websocket;
