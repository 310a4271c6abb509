"""`python -m tests.benchmarks.rivals.ray_program PORT`: Ray Serve, until standard input ends.

One replica that takes 256 requests at once, no wait for a batch, no access log, no dashboard. What else makes
it fast is in its environment: see `tests.benchmarks.serving`.
"""

import sys
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from tests.benchmarks.rivals import MOST, label_of

QUIET = {"log_level": "ERROR", "enable_access_log": False}


@serve.deployment(
    num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0}, logging_config=QUIET
)
class Costless:
    @serve.batch(max_batch_size=MOST, batch_wait_timeout_s=0)
    async def classify(self, images: list[bytes]) -> list[str]:
        return [label_of(image) for image in images]

    async def __call__(self, request: Request) -> dict[str, Any]:
        return {"guesses": [[await self.classify(await request.body()), 1.0]]}


def main() -> None:
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config=QUIET)
        serve.run(Costless.bind(), route_prefix="/")
        sys.stdin.read()
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
