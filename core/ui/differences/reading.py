"""Further reading: the original papers, what each added, and where in the app it can be seen."""

from dataclasses import dataclass, field

import streamlit as st

from core.ui.differences import tools
from core.ui.differences.lesson import Lesson
from core.ui.language import say


@dataclass(frozen=True)
class Place:
    """A page, and what its link says where one part of it is meant. label: a key of the wording."""

    page: str
    label: str
    link: dict[str, str] = field(default_factory=dict)


def _page(name: str) -> Place:
    return Place(name, f"page.{name}")


def _explain(section: str) -> Place:
    return Place("explain", f"explain.{section}", {"explain": section})


def _lesson(section: str, label: str = "", **link: str) -> Place:
    return Place("differences", label or f"differences.{section}", {"section": section} | link)


def _task(task: str) -> Place:
    return _lesson("task", f"lesson_hub.{task}", hub_task=task)


@dataclass(frozen=True)
class Paper:
    """key: of its wording. authors: the first, where more have written it, or two. arxiv: its number there, or a whole
    address. places: where what it added can be seen, most telling first."""

    key: str
    title: str
    authors: str
    year: int
    arxiv: str
    places: tuple[Place, ...]


GPT2 = "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf"
PAPERS = {
    "base": (
        Paper(
            "attention",
            "Attention Is All You Need",
            "Vaswani",
            2017,
            "1706.03762",
            (_page("translation"), _lesson("mathematics")),
        ),
        Paper("vit", "An Image Is Worth 16×16 Words", "Dosovitskiy", 2020, "2010.11929", (_page("vision"),)),
        Paper("rotary", "RoFormer", "Su", 2021, "2104.09864", (_lesson("mathematics"),)),
        Paper(
            "alibi",
            "Train Short, Test Long (ALiBi)",
            "Press & Smith & Lewis",
            2021,
            "2108.12409",
            (_lesson("mathematics"),),
        ),
        Paper(
            "flash",
            "FlashAttention",
            "Dao",
            2022,
            "2205.14135",
            (_lesson("cost", "cost.fused", cost="fused"),),
        ),
    ),
    "vision": (
        Paper(
            "swin",
            "Swin Transformer",
            "Liu",
            2021,
            "2103.14030",
            (_page("vision"), _lesson("cost", "cost.growth", cost="growth")),
        ),
        Paper(
            "mae",
            "Masked Autoencoders Are Scalable Vision Learners",
            "He",
            2021,
            "2111.06377",
            (_lesson("loss", "loss.patches", loss="patches"),),
        ),
        Paper("dino", "DINOv2", "Oquab", 2023, "2304.07193", (_page("vision"), _lesson("task"))),
        Paper(
            "registers",
            "Vision Transformers Need Registers",
            "Darcet",
            2023,
            "2309.16588",
            (_explain("heads"),),
        ),
        Paper("clip", "CLIP", "Radford", 2021, "2103.00020", (_page("bridge"), _page("vision"))),
        Paper("detr", "DETR", "Carion", 2020, "2005.12872", (_task("detect"),)),
        Paper("yolos", "You Only Look at One Sequence (YOLOS)", "Fang", 2021, "2106.00666", (_task("detect"),)),
        Paper("segformer", "SegFormer", "Xie", 2021, "2105.15203", (_task("segment"),)),
    ),
    "language": (
        Paper("bert", "BERT", "Devlin", 2018, "1810.04805", (_task("answer"), _task("classify"))),
        Paper(
            "gpt2",
            "Language Models Are Unsupervised Multitask Learners (GPT-2)",
            "Radford",
            2019,
            GPT2,
            (_task("generate"),),
        ),
        Paper("t5", "T5", "Raffel", 2019, "1910.10683", (_task("summary"),)),
    ),
    "explain": (
        Paper(
            "rollout",
            "Quantifying Attention Flow in Transformers",
            "Abnar & Zuidema",
            2020,
            "2005.00928",
            (_explain("maps"),),
        ),
        Paper(
            "chefer",
            "Transformer Interpretability Beyond Attention Visualization",
            "Chefer & Gur & Wolf",
            2021,
            "2012.09838",
            (_explain("maps"),),
        ),
        Paper(
            "generic",
            "Generic Attention-Model Explainability",
            "Chefer & Gur & Wolf",
            2021,
            "2103.15679",
            (_explain("maps"),),
        ),
        Paper(
            "michel",
            "Are Sixteen Heads Really Better than One?",
            "Michel & Levy & Neubig",
            2019,
            "1905.10650",
            (_explain("ablation"),),
        ),
    ),
    "adapt": (
        Paper(
            "adapters",
            "Parameter-Efficient Transfer Learning for NLP",
            "Houlsby",
            2019,
            "1902.00751",
            (_page("finetune"),),
        ),
        Paper("prefix", "Prefix-Tuning", "Li & Liang", 2021, "2101.00190", (_page("finetune"),)),
        Paper("lora", "LoRA", "Hu", 2021, "2106.09685", (_page("finetune"), _page("models"))),
        Paper("adalora", "AdaLoRA", "Zhang", 2023, "2303.10512", (_page("finetune"),)),
    ),
}


def show(lesson: Lesson) -> None:
    st.markdown(say("reading.lead"))
    for group, papers in PAPERS.items():
        st.markdown(f"### {say(f'reading.group_{group}')}")
        for number, paper in enumerate(papers):
            with st.container(border=True, key=f"paper_{group}_{number}"):
                left, right = st.columns([3, 1], vertical_alignment="center")
                left.markdown(
                    f"**{paper.title}** · {_authors(paper)} · {_source(paper)}\n\n{say(f'reading.{paper.key}')}"
                )
                for place in paper.places:
                    right.page_link(
                        f"pages/{place.page}.py",
                        label=say(place.label),
                        icon=":material/arrow_forward:",
                        query_params=place.link or None,
                    )
    tools.show()


def _authors(paper: Paper) -> str:
    *others, last = paper.authors.split(" & ")
    names = say("reading.and").join(filter(None, [say("list.comma").join(others), last]))
    return say("reading.named" if others else "reading.first", names=names, year=paper.year)


def _source(paper: Paper) -> str:
    if paper.arxiv.startswith("https"):
        return f"[PDF]({paper.arxiv})"
    return f"[arXiv:{paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})"
