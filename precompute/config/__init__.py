"""What a configuration may say: read from TOML, validated once, then frozen.

It knows the names of settings and their ranges. What they lead to, the other folders know; this one
imports none of them.
"""

from precompute.config.experiments import (
    FEW_SEEDS,
    ExperimentConfig,
    FloorConfig,
    HeadEffectConfig,
    HeadsConfig,
    HeadTextsConfig,
    PatchingConfig,
    PruningConfig,
)
from precompute.config.judge import JudgeConfig, judge_config
from precompute.config.layers import (
    HEADS_LAYERS,
    JUDGE_LAYERS,
    QUESTIONS_LAYERS,
    check_layers,
    require_layers,
)
from precompute.config.maps import MAP_KINDS, FaithfulnessConfig, Fill, WordMapsConfig, spread
from precompute.config.settings import (
    PROJECT,
    BertScoreConfig,
    CaptureConfig,
    Config,
    DatasetConfig,
    DecodeConfig,
    Generation,
    InnerWordsConfig,
    ModelConfig,
    QuestionsConfig,
    ScaleConfig,
    ScoreConfig,
    TextsConfig,
    config_of,
    local_path,
    read_config,
)
from precompute.config.translators import TranslatorsConfig

__all__ = [
    "FEW_SEEDS",
    "HEADS_LAYERS",
    "JUDGE_LAYERS",
    "MAP_KINDS",
    "PROJECT",
    "QUESTIONS_LAYERS",
    "BertScoreConfig",
    "CaptureConfig",
    "Config",
    "DatasetConfig",
    "DecodeConfig",
    "ExperimentConfig",
    "FaithfulnessConfig",
    "Fill",
    "FloorConfig",
    "Generation",
    "HeadEffectConfig",
    "HeadTextsConfig",
    "HeadsConfig",
    "InnerWordsConfig",
    "JudgeConfig",
    "ModelConfig",
    "PatchingConfig",
    "PruningConfig",
    "QuestionsConfig",
    "ScaleConfig",
    "ScoreConfig",
    "TextsConfig",
    "TranslatorsConfig",
    "WordMapsConfig",
    "check_layers",
    "config_of",
    "judge_config",
    "local_path",
    "read_config",
    "require_layers",
    "spread",
]
