"""How long the fuzzing takes: a short form for the gate, any length by `COHORT_FUZZ_EXAMPLES`."""

import os

from hypothesis import HealthCheck, Phase, settings

#: The gate's form is the same every time; a longer one looks elsewhere on each run and prints how to repeat
#: what it finds.
FACTOR = int(os.environ.get("COHORT_FUZZ_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """`count` examples in the gate, that many times `COHORT_FUZZ_EXAMPLES` in a long run."""
    return settings(
        max_examples=count * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        print_blob=FACTOR > 1,
        report_multiple_bugs=False,
        # Examples are batches of interactions in a world that took seconds to make.
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
