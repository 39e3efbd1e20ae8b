"""A collector by gRPC, without generated code, on a free port of 127.0.0.1; prints `port N`, and each message as
`KIND AUTHORIZATION HEX`. With three files (certificate, key, authority of clients) over TLS."""
import sys
import threading
from concurrent import futures

import grpc

printing = threading.Lock()


def export(kind):
    def take(message, context):
        given = dict(context.invocation_metadata()).get("authorization", "-")
        # One write: several exports come at the same time.
        with printing:
            print(f"{kind} {given} {message.hex()}", flush=True)
        return b""

    return grpc.unary_unary_rpc_method_handler(take)


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([
    grpc.method_handlers_generic_handler(
        f"opentelemetry.proto.collector.{kind}.v1.{service}", {"Export": export(kind)})
    for kind, service in [("trace", "TraceService"), ("metrics", "MetricsService"), ("logs", "LogsService")]
])
if len(sys.argv) > 3:
    certificate, key, authority = (open(name, "rb").read() for name in sys.argv[1:4])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"port {port}", flush=True)
server.wait_for_termination()
