"""Further reading: the original papers, what each added, and where in the app it can be seen."""

from dataclasses import dataclass

import streamlit as st

from core.ui.differences.lesson import Lesson
from core.ui.language import say


@dataclass(frozen=True)
class Paper:
    """key: of its wording. pages: where what it added can be seen, most telling first."""

    key: str
    title: str
    authors: str
    arxiv: str
    pages: tuple[str, ...]


PAPERS = (
    Paper("attention", "Attention Is All You Need", "Vaswani et al. 2017", "1706.03762", ("translation", "compare")),
    Paper("vit", "An Image Is Worth 16×16 Words", "Dosovitskiy et al. 2020", "2010.11929", ("vision", "compare")),
    Paper(
        "bert",
        "BERT: Pre-training of Deep Bidirectional Transformers",
        "Devlin et al. 2018",
        "1810.04805",
        ("compare",),
    ),
    Paper(
        "gpt2",
        "Language Models Are Unsupervised Multitask Learners (GPT-2)",
        "Radford et al. 2019",
        "",
        ("translation",),
    ),
    Paper(
        "adapters", "Parameter-Efficient Transfer Learning for NLP", "Houlsby et al. 2019", "1902.00751", ("finetune",)
    ),
    Paper("prefix", "Prefix-Tuning", "Li & Liang 2021", "2101.00190", ("finetune",)),
    Paper("lora", "LoRA: Low-Rank Adaptation", "Hu et al. 2021", "2106.09685", ("finetune", "models")),
    Paper("adalora", "AdaLoRA: Adaptive Budget Allocation", "Zhang et al. 2023", "2303.10512", ("finetune",)),
)
GPT2 = "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf"


def show(lesson: Lesson) -> None:
    st.markdown(say("reading.lead"))
    for paper in PAPERS:
        with st.container(border=True):
            left, right = st.columns([4, 1], vertical_alignment="center")
            address = f"https://arxiv.org/abs/{paper.arxiv}" if paper.arxiv else GPT2
            name = f"arXiv:{paper.arxiv}" if paper.arxiv else "PDF"
            left.markdown(f"**{paper.title}** · {paper.authors} · [{name}]({address})")
            left.markdown(say(f"reading.{paper.key}"))
            for page in paper.pages:
                right.page_link(f"pages/{page}.py", label=say(f"page.{page}"), icon=":material/arrow_forward:")
