"""Arguments: address, host, CA file. Makes every kind of call."""
import queue
import sys

import grpc

address, host, ca = sys.argv[1:4]
options = [("grpc.ssl_target_name_override", host), ("grpc.default_authority", host), ("grpc.enable_http_proxy", 0)]
channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(open(ca, "rb").read()), options)

answer, call = channel.unary_unary("/test.Service/Unary").with_call(b"abc", timeout=20)
assert answer == b"cba", answer
assert ("x-length", "3") in [(key, value) for key, value in call.trailing_metadata()], call.trailing_metadata()

try:
    channel.unary_unary("/test.Service/Fail")(b"", timeout=20)
    raise AssertionError("the call should have failed")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "not today", error

numbers = list(channel.unary_stream("/test.Service/Count")(b"500", timeout=20))
assert numbers == [str(number).encode() for number in range(500)], len(numbers)

# Both directions at once: each message is sent only after the echo of the one before.
outgoing = queue.Queue()
replies = channel.stream_stream("/test.Service/Echo")(iter(outgoing.get, None), timeout=20)
for number in range(50):
    outgoing.put(b"m" * number * 100)
    assert next(replies) == b"m" * number * 100
outgoing.put(None)
assert list(replies) == []
print("every call was answered")
