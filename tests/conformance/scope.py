"""The tests that are out of scope, each by name with its reason."""

# With ours, the interrupt ends the flow run, and with it pytest.
INTERRUPTING = (
    "test_retry_policy",
    "test_single_proc_interrupt",
    "test_masking_op_execution[KeyboardInterrupt-True-KeyboardInterrupt]",
)
# Tests about the inside of Dagster's engine, which Prefect takes the place of.
OUT_OF_SCOPE = {
    "test_graph_backed_asset_subset": "reads the steps from an engine event of Dagster's executor",
    "test_input_subsetting_graph_backed_asset": "reads the steps from an engine event of Dagster's"
    " executor",
    "test_do_not_rerequest_while_existing_run_in_progress": "replaces Dagster's executor by a mock",
    "test_most_recent_materialization_used": "reads Dagster's console log; ours is Prefect's",
    "test_can_subset_result_for_unselected_check": "reads Dagster's console log; ours is Prefect's",
    "test_graph_backed_asset_reused": "reads the steps from an engine event of Dagster's executor",
    "test_failure_propagation": "reads Dagster's console log; ours is Prefect's",
    "test_job_logging": "reads Dagster's console log; ours is Prefect's",
    "test_resource_logging": "reads Dagster's console log; ours is Prefect's",
    "test_compute_log_manager": "reads Dagster's console log; ours is Prefect's",
    "test_failure_midstream": "reads Dagster's console log; ours is Prefect's",
    "test_warning_for_conditional_output": "reads Dagster's console log; ours is Prefect's",
    "test_io_context_logging": "reads Dagster's console log; ours is Prefect's",
    "test_column_lineage_integration": "reads Dagster's console log; ours is Prefect's",
    "test_failure_hook_framework_exception": "raises Dagster's own interruption in a step, which"
    " ends the flow run",
    "test_masking_op_execution": "raises an interruption in a step, which ends the flow run",
    **dict.fromkeys(
        INTERRUPTING, "interrupts its own process; not run, as it would end the whole session"
    ),
}
