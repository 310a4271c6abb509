"""`python -m tests.benchmarks.rivals.litserve_program PORT`: LitServe, until standard input ends.

One API server and one worker, for there are few cores and the client needs one too; the fast queue (ZeroMQ),
no access log, no OpenAPI. It waits 2 ms for a batch: with no wait at all it was slower, 350 a second at 64 at
once instead of 540.
"""

import os
import signal
import sys
import threading
from typing import Annotated, Any

import litserve
from fastapi import Body

from tests.benchmarks.rivals import MOST, label_of

BATCH_WAIT = 0.002


class Costless(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        return request

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, x: list[bytes]) -> list[str]:
        return [label_of(image) for image in x]

    def unbatch(self, output: list[str]) -> list[str]:
        return output

    def encode_response(self, output: str) -> dict[str, Any]:
        return {"guesses": [[output, 1.0]]}


def main() -> None:
    threading.Thread(target=_until_alone, daemon=True).start()
    server = litserve.LitServer(
        Costless(max_batch_size=MOST, batch_timeout=BATCH_WAIT),
        accelerator="cpu",
        devices=1,
        workers_per_device=1,
        fast_queue=True,
        disable_openapi_url=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )


def _until_alone() -> None:
    # Not through sys.stdin, whose lock the forked API server would find taken for ever.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
