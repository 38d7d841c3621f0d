"""The words of the gallery's pages and pictures, in each language."""

from __future__ import annotations

WORDS = {
    "en": {
        "gallery": "Gallery",
        "about": "Each page is made from the code that runs: the distribution, loss and gradient as "
                 "functions, the derivation that `neglog explain` gives, and the formulas that run. "
                 "Each also says when to use the loss, when not, which mistakes belong to it, and "
                 "what it is called elsewhere.",
        "alt": "The loss of {name} and its gradient.",
        "use": "Use",
        "when": "When to use it",
        "not": "When not to use it",
        "pitfalls": "Pitfalls",
        "no pitfalls": "None of the listed mistakes belongs to this loss.",
        "elsewhere": "The same loss elsewhere",
        "library": "library",
        "name": "name",
        "none": "none",
        "note": "Of a distribution, the loss is minus its `log_prob`. An estimator minimises the "
                "loss, a deviance is twice its distance from the minimum. Names of torch 2.13, optax "
                "0.2.8, Keras 3.15, statsmodels 0.15 and scikit-learn 1.9.",
        "formula": "The loss",
        "built": "It is a loss of {links}, where the derivation is.",
        "source": "Source",
        "target": "target y",
        "probability": "probability",
        "density": "density",
        "nats": "loss in nats",
        "loss": "loss",
        "slope": "gradient by {name}",
        "textbook": "textbook's formula",
        "error": "error of the float32 loss in ulps",
        "label logit": "logit of the label, the others being 0",
        "logit slope": "gradient by that logit",
        "example": "the example",
    },
    "zh": {
        "gallery": "损失图鉴",
        "about": "每一页都由实际运行的代码生成：分布、损失和梯度画成函数，推导与 `neglog explain` "
                 "一致，公式就是程序计算的公式。每一页还会说明什么时候用、什么时候不用、有哪些常见错误，"
                 "以及这个损失在别的库里叫什么。",
        "alt": "{name} 的损失及其梯度",
        "use": "用法",
        "when": "什么时候用",
        "not": "什么时候不用",
        "pitfalls": "常见错误",
        "no pitfalls": "47 个常见错误里没有专属于它的。",
        "elsewhere": "在别的库里叫什么",
        "library": "库",
        "name": "名称",
        "none": "没有",
        "note": "列出的是分布时，损失等于 `log_prob` 变号；是估计器（estimator）时，它最小化的就是这个损失；"
                "是偏差（deviance）时，它等于损失与最小值之差的 2 倍。名称以 torch 2.13、optax 0.2.8、Keras 3.15、"
                "statsmodels 0.15、scikit-learn 1.9 为准。",
        "formula": "损失公式",
        "built": "它用的就是 {links} 的损失，推导见该页。",
        "source": "出处",
        "target": "目标 y",
        "probability": "概率",
        "density": "概率密度",
        "nats": "损失（奈特）",
        "loss": "损失",
        "slope": "对 {name} 的梯度",
        "textbook": "教科书公式",
        "error": "float32 损失的误差（ulp）",
        "label logit": "真实类别的 logit（其余为 0）",
        "logit slope": "对该 logit 的梯度",
        "example": "例子",
    },
}  # fmt: skip
"""By language. The notes on other libraries name the versions that were looked at."""
