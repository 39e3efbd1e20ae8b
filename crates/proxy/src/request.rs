//! Step 5: one request, from its head to its answer. `serve` is the whole path, readable in one place.

use std::rc::Rc;

use hyper::body::Incoming;

use crate::body::ResponseBody;
use crate::wire::Connection;

/// Answers one request; never fails: a failure is an answer ([`crate::answer`]).
pub(crate) async fn serve(
    _connection: Rc<Connection>,
    _raw: http::Request<Incoming>,
) -> http::Response<ResponseBody> {
    todo!()
}
