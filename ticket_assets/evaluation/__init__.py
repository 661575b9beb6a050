"""The evaluation in plain pandas: no module here imports an orchestrator."""
