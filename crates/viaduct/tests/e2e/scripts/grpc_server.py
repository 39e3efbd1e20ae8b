"""A gRPC server without generated code, on a free port of 127.0.0.1; prints `port N`.
Arguments: certificate and key files for TLS, or none."""
import sys
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata([("x-length", str(len(request)))])
    return request[::-1]


def fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")


def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def echo(requests, context):
    for request in requests:
        yield request


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Service", {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
})])
if len(sys.argv) > 2:
    cert, key = (open(name, "rb").read() for name in sys.argv[1:3])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print("port", port, flush=True)
server.wait_for_termination()
