"""What `make test` leaves out and `make test-all` runs: cases that take long, each beside one that holds the same law elsewhere.

What differs is a database, a family, a data set or a size, whose own code is under other tests.
"""

from __future__ import annotations

# A file, a test, the parameters that are left out, and the one that is run.
_PARAMETERS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # Queue, ledger, boards, backups, killed workers and a server with its own are on PostgreSQL in `make test`, too.
    ("fuzz/test_fuzz.py", "test_a_few_hundred_strange_requests_are_answered_as_documented", ("postgresql",), "sqlite"),
    ("load/test_load.py", "test_many_at_once_lose_and_double_nothing", ("postgresql",), "sqlite"),
    ("load/test_load.py", "test_kills_at_random_moments_lose_and_double_nothing", ("postgresql",), "sqlite"),
    ("service/ledger/test_ledger.py", "test_the_keys_of_a_user_are_bounded_and_the_oldest_go", ("postgresql",), "sqlite"),
    ("service/submissions/test_references.py", "test_the_committed_results_can_be_recorded", ("postgresql",), "sqlite"),
    ("service/worker/test_builds.py", "test_a_pair_is_built_and_published_without_a_restart", ("postgresql",), "sqlite"),
    ("service/worker/test_consumer.py", "test_a_server_that_is_killed_has_its_jobs_done_by_the_next", ("postgresql",), "sqlite"),
    ("service/worker/test_scoring_jobs.py", "test_jobs_move_with_a_backup", ("postgresql",), "sqlite"),
    ("service/worker/test_scoring_jobs.py", "test_scoring_goes_on_after_kills_and_records_once", ("postgresql",), "sqlite"),
    ("service/worker/test_scoring_jobs.py", "test_submit_waits_for_the_job_and_a_server_that_is_started_again", ("postgresql",), "sqlite"),
    # Another page, data set, family, size, engine or signal.
    ("browser/test_look.py", "test_a_page_of_the_service_is_clean", ("retracted",), "submission"),
    ("laws/test_learning.py", "test_an_interrupted_training_resumes_to_the_same_weights", ("mmr",), "mm"),
    ("laws/test_learning.py", "test_pictures_have_networks", ("64-prw",), "32-prw"),
    ("laws/test_pairs.py", "test_published_funnels", ("nd-d2-n4-p8-2-0.82122-9e-05", "nd-d128-n256-p8-128-1.02094-1e-05"), "nd-d16-n64-p8-16-1.5494-5e-05"),
    ("library/builder/test_engines.py", "test_a_killed_build_is_resumed_by_another_engine", ("first1-second1",), "first0-second0"),
    ("library/cli/test_cli.py", "test_a_recipe_to_begin_with_says_its_size_and_builds_that", ("attenuation",), "funnel"),
    ("library/solvers/test_loop.py", "test_lp_learns_a_pair_from_its_files", ("small-d16-n64-p8-0.3",), "small-d2-n4-p8-0.6"),
    ("library/sources/test_checkpoints.py", "test_published_checkpoints_load_unchanged", ("wgan-qc-resnet-64-wrapped", "wgan-qc-resnet-64-prefixed"), "wgan-qc-resnet-64-plain"),
    ("library/sources/test_pictures.py", "test_the_catalogued_pairs_are_built_from_their_data_sets", ("celeba64-images-n1-p10",), "cifar10-images-n16-p100"),
    ("service/submissions/test_sealed_round.py", "test_a_round_from_commitment_to_replay", ("product",), "smooth"),
)  # fmt: skip

# A case that is left out, and the one that is run.
_OTHERS = {
    # Pages of the static twin are made of the service's templates.
    **{
        f"browser/test_look.py::test_a_page_of_the_twin_is_clean[{page}]": "browser/test_look.py::test_a_page_of_the_twin_is_clean[pair]"
        for page in ("map", "rows", "sealed", "pairs", "submission", "retracted", "user", "rounds")
    },
    "library/builder/test_engines.py::test_processes_give_the_bytes_of_threads": "laws/test_families.py::test_any_engine_and_a_build_that_was_killed_give_the_same_bytes",
    "library/builder/test_ray_cluster.py::test_one_and_two_workers_give_the_bytes_of_threads": "library/builder/test_ray_cluster.py::test_a_node_that_is_killed_leaves_its_shards_to_the_others",
    "library/sources/test_pictures.py::test_both_data_sets_make_certified_pairs": "library/sources/test_pictures.py::test_the_catalogued_pairs_are_built_from_their_data_sets[blur64-celeba]",
    "library/sources/test_pushforward.py::test_the_catalogued_cifar10_pair_is_built_from_a_checkpoint": "library/sources/test_pushforward.py::test_a_generator_makes_a_certified_pair_with_noise",
    "service/worker/test_builds.py::test_a_build_goes_on_after_kills_and_gives_the_same_pair": "load/test_load.py::test_kills_at_random_moments_lose_and_double_nothing[sqlite]",
}

CASES = {f"tests/{left_out}": f"tests/{run}" for left_out, run in _OTHERS.items()} | {
    f"tests/{file}::{test}[{one}]": f"tests/{file}::{test}[{run}]" for file, test, left_out, run in _PARAMETERS for one in left_out
}  # fmt: skip
