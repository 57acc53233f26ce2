"""A gRPC server in the place of the process that executes user code: it answers or hangs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from ouspark_assets.orchestration.supervision.code_server import LIST_REPOSITORIES

HANGING_TIMEOUT = 120


@contextmanager
def user_code(answer: bytes, *, hangs: bool = False) -> Iterator[str]:
    """Run a gRPC server in the place of user code and yield its address."""
    end = threading.Event()

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            if call.method != LIST_REPOSITORIES:
                return None

            def respond(*_: object) -> bytes:
                if hangs:
                    end.wait(HANGING_TIMEOUT)
                return answer

            return grpc.unary_unary_rpc_method_handler(respond)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        end.set()
        server.stop(None).wait()
