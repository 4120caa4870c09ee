"""What `make test` leaves out and `make test-all` runs: cases that take long, each beside the one of the same law that `make test` runs."""

_BROWSER, _LAWS, _BUILDER, _SOURCES = (
    "tests/browser/test_look.py",
    "tests/laws",
    "tests/library/builder",
    "tests/library/sources",
)
_SERVICE = "tests/service"

CASES: dict[str, str] = {
    # On PostgreSQL, where the same test runs on SQLite; the queue, the ledger, boards and rescoring run on both in either.
    **{
        f"{test}[postgresql]": f"{test}[sqlite]"
        for test in (
            "tests/fuzz/test_fuzz.py::test_a_few_hundred_strange_requests_are_answered_as_documented",
            "tests/load/test_load.py::test_many_at_once_lose_and_double_nothing",
            "tests/load/test_load.py::test_kills_at_random_moments_lose_and_double_nothing",
            f"{_SERVICE}/submissions/test_references.py::test_the_committed_results_can_be_recorded",
            f"{_SERVICE}/worker/test_builds.py::test_a_pair_is_built_and_published_without_a_restart",
            f"{_SERVICE}/worker/test_consumer.py::test_a_server_that_is_killed_has_its_jobs_done_by_the_next",
            f"{_SERVICE}/worker/test_consumer.py::test_a_servers_worker_is_started_again",
            f"{_SERVICE}/worker/test_consumer.py::test_the_job_of_a_killed_worker_is_begun_again_by_one_that_runs_within_seconds",
            f"{_SERVICE}/ledger/test_ledger.py::test_the_keys_of_a_user_are_bounded_and_the_oldest_go",
            f"{_SERVICE}/worker/test_scoring_jobs.py::test_jobs_move_with_a_backup",
            f"{_SERVICE}/worker/test_scoring_jobs.py::test_scoring_goes_on_after_kills_and_records_once",
            f"{_SERVICE}/worker/test_scoring_jobs.py::test_submit_waits_for_the_job_and_a_server_that_is_started_again",
        )
    },
    # The static twin, whose pages are made of the service's templates.
    **{
        f"{_BROWSER}::test_a_page_of_the_twin_is_clean[{page}]": f"{_BROWSER}::test_a_page_of_the_service_is_clean[{page}]"
        for page in ("board", "map", "rows", "sealed", "pairs", "submission", "method", "user", "rounds")
    },
    f"{_BROWSER}::test_a_page_of_the_twin_is_clean[retracted]": f"{_BROWSER}::test_a_page_of_the_service_is_clean[submission]",
    f"{_BROWSER}::test_a_page_of_the_service_is_clean[retracted]": f"{_BROWSER}::test_a_page_of_the_service_is_clean[submission]",
    # A network of full size, another data set, family, engine or signal, where the law is the same.
    f"{_SOURCES}/test_pushforward.py::test_the_catalogued_cifar10_pair_is_built_from_a_checkpoint": f"{_SOURCES}/test_pushforward.py::test_a_generator_makes_a_certified_pair_with_noise",
    f"{_LAWS}/test_held_out.py::test_pictures_of_data_sets_are_held_out_too[celeba]": f"{_LAWS}/test_held_out.py::test_pictures_of_data_sets_are_held_out_too[cifar10]",
    f"{_SOURCES}/test_pictures.py::test_both_data_sets_make_certified_pairs": f"{_SOURCES}/test_pictures.py::test_the_catalogued_pairs_are_built_from_their_data_sets[blur64-celeba]",
    f"{_SOURCES}/test_pictures.py::test_the_catalogued_pairs_are_built_from_their_data_sets[celeba64-images-n1-p10]": f"{_SOURCES}/test_pictures.py::test_the_catalogued_pairs_are_built_from_their_data_sets[cifar10-images-n16-p100]",
    **{
        f"{_SERVICE}/submissions/test_sealed_round.py::test_a_round_from_commitment_to_replay[{family}]": f"{_SERVICE}/submissions/test_sealed_round.py::test_a_round_from_commitment_to_replay[funnel]"
        for family in ("product", "smooth")
    },
    f"{_LAWS}/test_learning.py::test_an_interrupted_training_resumes_to_the_same_weights[mmr]": f"{_LAWS}/test_learning.py::test_an_interrupted_training_resumes_to_the_same_weights[mm]",
    **{
        f"{_LAWS}/test_pairs.py::test_published_funnels[{funnel}]": f"{_LAWS}/test_pairs.py::test_published_funnels[nd-d16-n64-p8-16-1.5494-5e-05]"
        for funnel in ("nd-d2-n4-p8-2-0.82122-9e-05", "nd-d128-n256-p8-128-1.02094-1e-05")
    },
    "tests/library/cli/test_cli.py::test_a_recipe_to_begin_with_says_its_size_and_builds_that[attenuation]": "tests/library/cli/test_cli.py::test_a_recipe_to_begin_with_says_its_size_and_builds_that[funnel]",
    "tests/library/solvers/test_loop.py::test_lp_learns_a_pair_from_its_files[small-d16-n64-p8-0.3]": "tests/library/solvers/test_loop.py::test_lp_learns_a_pair_from_its_files[small-d2-n4-p8-0.6]",
    f"{_SERVICE}/sandbox/test_hostile_files.py::test_mutated_files_are_refused_or_survived": f"{_SERVICE}/sandbox/test_hostile_files.py::test_hostile_files_are_refused_or_survived",
    f"{_LAWS}/test_learning.py::test_pictures_have_networks[64-prw]": f"{_LAWS}/test_learning.py::test_pictures_have_networks[32-prw]",
    **{
        f"{_SOURCES}/test_checkpoints.py::test_published_checkpoints_load_unchanged[wgan-qc-resnet-64-{how}]": f"{_SOURCES}/test_checkpoints.py::test_published_checkpoints_load_unchanged[wgan-qc-resnet-32-{how}]"
        for how in ("wrapped", "prefixed")
    },
    f"{_SOURCES}/test_pushforward.py::test_generated_pairs_have_the_same_bytes_for_any_shards_and_threads": f"{_BUILDER}/test_build.py::test_the_same_recipe_gives_the_same_bytes_for_any_shards_and_threads[photos]",
    f"{_BUILDER}/test_engines.py::test_a_killed_build_is_resumed_by_another_engine[first1-second1]": f"{_BUILDER}/test_engines.py::test_a_killed_build_is_resumed_by_another_engine[first0-second0]",
    f"{_BUILDER}/test_engines.py::test_processes_give_the_bytes_of_threads": f"{_LAWS}/test_families.py::test_any_engine_and_a_build_that_was_killed_give_the_same_bytes",
    f"{_BUILDER}/test_ray_cluster.py::test_one_and_two_workers_give_the_bytes_of_threads": f"{_BUILDER}/test_ray_cluster.py::test_a_node_that_is_killed_leaves_its_shards_to_the_others",
    "tests/library/trials/test_trials.py::test_a_grid_goes_on_from_its_checkpoints[interrupted]": "tests/library/trials/test_trials.py::test_a_grid_goes_on_from_its_checkpoints[killed]",
    "tests/library/trials/test_benchmark.py::test_a_benchmark_that_was_killed_is_resumed_to_the_same_rows": "tests/library/trials/test_trials.py::test_a_grid_goes_on_from_its_checkpoints[killed]",
    f"{_SERVICE}/worker/test_builds.py::test_a_build_goes_on_after_kills_and_gives_the_same_pair": "tests/load/test_load.py::test_kills_at_random_moments_lose_and_double_nothing[sqlite]",
}
