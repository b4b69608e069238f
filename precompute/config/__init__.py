"""What a configuration may say: read from TOML, validated once, then frozen.

It knows the names of settings and their ranges. What they lead to, the other rooms know; this one
imports none of them.
"""

from precompute.config.experiments import (
    ExperimentConfig,
    HeadEffectConfig,
    HeadsConfig,
    PruningConfig,
)
from precompute.config.judge import JudgeConfig, judge_config
from precompute.config.settings import (
    PROJECT,
    BertScoreConfig,
    CaptureConfig,
    Config,
    DatasetConfig,
    DecodeConfig,
    Generation,
    ModelConfig,
    QuestionsConfig,
    ScaleConfig,
    ScoreConfig,
    local_path,
    read_config,
)

__all__ = [
    "PROJECT",
    "BertScoreConfig",
    "CaptureConfig",
    "Config",
    "DatasetConfig",
    "DecodeConfig",
    "ExperimentConfig",
    "Generation",
    "HeadEffectConfig",
    "HeadsConfig",
    "JudgeConfig",
    "ModelConfig",
    "PruningConfig",
    "QuestionsConfig",
    "ScaleConfig",
    "ScoreConfig",
    "judge_config",
    "local_path",
    "read_config",
]
