"""The cards whose pictures are kept: an ordinary one of each kind, and each with the worst of names."""

from datetime import date

from bot.rendering.cards import (
    BoardCard,
    BoardRow,
    Card,
    Cell,
    Fact,
    Goal,
    GridLesson,
    LessonGrid,
    LogLine,
    Milestone,
    ProfileCard,
    ProjectTimeline,
)
from bot.rendering.model_cards import ClassificationCard, ConfusionCard, LabelShare
from bot.rendering.review_cards import Count, MonthRecall, ReviewStats, ReviewSummary

STAGES = ("watched", "ran", "reproduced", "own data", "explained")
DONE, CLAIMED, EMPTY = Cell.DONE, Cell.CLAIMED, Cell.EMPTY

ZALGO = "".join(letter + "\u0300\u0489\u031b\u0321\u0316\u033c\u0346\u035d\u0360\u0310" for letter in "Zalgo")
HOSTILE = (
    "🧠" * 32,
    "شهرزاد نوري النيسابوري من مدينة نيسابور القديمة",
    "דנה כהן (Dana) 42!",
    "नीलम क्षत्रिय",
    ZALGO,
    "李明 (Ming)",
    "\u200b\u200d\u2060\ufeff",
    "Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine",
    "👩🏽‍🔬👨‍👩‍👧‍👦🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿1️⃣❤️",
    "★ 𝓐𝓵𝓲𝓬𝓮 ★ → Ωμέγα Дмитрий",
    "\u202egnp.exe\x00\x1b[31m</text><script>&lt;",
)

BOARD = BoardCard(
    title="Deep Learning Berlin",
    subtitle="Completed lessons, all time",
    unit="lessons",
    goal=Goal(label="Lessons until 31 December", reached=34, wanted=50),
    rows=(
        BoardRow(rank=1, name="Katharina Schönfelder", score=7),
        BoardRow(rank=1, name="Mateo", score=7),
        BoardRow(rank=3, name="Ngọc Ánh", score=6),
        BoardRow(rank=4, name="Олена Шевченко", score=5),
        BoardRow(rank=5, name="Yusuf", score=4),
        BoardRow(rank=11, name="Ingrid", score=2, apart=True),
        BoardRow(rank=11, name="Samir", score=2),
        BoardRow(rank=13, name="Grace Okonkwo", score=1, is_caller=True),
        BoardRow(rank=14, name="Beatriz", score=0),
    ),
)
BOARD_HOSTILE = BoardCard(
    title="A group with a name that is far too long for one line of a picture",
    subtitle="Points, this month " + "🎉" * 40,
    unit="verified points of everybody who is here",
    goal=Goal(
        label="A goal that somebody described at great length and in much detail", reached=1200, wanted=1000
    ),
    rows=tuple(
        BoardRow(rank=rank, name=name, score=1_234_567 // rank**3, is_caller=rank == 8)
        for rank, name in enumerate(HOSTILE, 1)
    ),
)
PROFILE = ProfileCard(
    name="Katharina Schönfelder",
    subtitle="Deep Learning Berlin, member since 3 Sep 2026",
    facts=(
        Fact(value="24", label="points"),
        Fact(value="12 days", label="streak"),
        Fact(value="318", label="reviews"),
        Fact(value="9 of 10", label="meetups"),
        Fact(value="6", label="kudos"),
        Fact(value="3", label="verified"),
    ),
    lessons_done=5,
    lessons_total=7,
    project="Which mushroom is this?",
    project_stage="baseline",
)
PROFILE_HOSTILE = ProfileCard(
    name=HOSTILE[1],
    subtitle=ZALGO + " in a group whose name goes on and on, longer than any card",
    facts=tuple(Fact(value=str(10 ** (3 * i)), label=HOSTILE[i]) for i in range(5)),
    lessons_done=41,
    lessons_total=60,
    project=HOSTILE[0],
    project_stage=HOSTILE[7],
)
LESSON_TITLES = (
    "Image classification",
    "Production; SGD from scratch",
    "Multi-label; segmentation",
    "NLP; tabular data; recommendation",
    "Backprop; neural net from scratch",
    "CNN deep dive; ethics",
    "ResNet; U-Net; GANs; RNNs",
)
LESSONS = LessonGrid(
    title="Practical Deep Learning, part 1",
    name="Katharina Schönfelder",
    stages=STAGES,
    lessons=tuple(
        GridLesson(number=number, title=title, cells=cells, planned=planned)
        for number, (title, cells, planned) in enumerate(
            zip(
                LESSON_TITLES,
                (
                    (DONE, DONE, DONE, DONE, DONE),
                    (DONE, DONE, DONE, CLAIMED, EMPTY),
                    (DONE, DONE, CLAIMED, EMPTY, EMPTY),
                    (DONE, DONE, EMPTY, EMPTY, EMPTY),
                    (DONE, EMPTY, EMPTY, EMPTY, EMPTY),
                    (EMPTY,) * 5,
                    (EMPTY,) * 5,
                ),
                [date(2026, 10, day) for day in (1, 8, 15, 22, 29)]
                + [date(2026, 11, day) for day in (5, 12)],
                strict=True,
            ),
            1,
        )
    ),
    planned_done=4,
)
LESSONS_HOSTILE = LessonGrid(
    title=HOSTILE[7] * 2,
    name=HOSTILE[8] + HOSTILE[2],
    stages=("watched and rewatched", "ran", "reproduced by yourself", ZALGO, "explained to somebody"),
    lessons=tuple(
        GridLesson(number=number * 37, title=name, cells=(DONE, CLAIMED, EMPTY, CLAIMED, DONE))
        for number, name in enumerate(HOSTILE, 1)
    ),
    planned_done=99,
)
PROJECT = ProjectTimeline(
    title="Which mushroom is this?",
    name="Grace Okonkwo",
    state="active",
    started=date(2026, 10, 1),
    until=date(2026, 11, 21),
    milestones=(
        Milestone(label="Idea", reached=date(2026, 10, 1)),
        Milestone(label="Data", reached=date(2026, 10, 9)),
        Milestone(label="Baseline", reached=date(2026, 10, 24)),
        Milestone(label="Analysis", reached=date(2026, 11, 14)),
        Milestone(label="Demo", reached=None),
        Milestone(label="Deployed", reached=None),
        Milestone(label="Written up", reached=None),
    ),
    log=(
        LogLine(day=date(2026, 11, 19), text="Confusion matrix: the two boletes are mixed up 8 times of 40"),
        LogLine(
            day=date(2026, 11, 14), text="Accuracy 84 % → 91 % with 600 more pictures from the forest walk"
        ),
        LogLine(day=date(2026, 10, 24), text="A first resnet18 runs"),
    ),
)
PROJECT_HOSTILE = ProjectTimeline(
    title=HOSTILE[0],
    name=HOSTILE[2],
    state="waiting for somebody to look at it",
    started=date(2024, 12, 31),
    until=date(2026, 11, 21),
    milestones=tuple(
        Milestone(label=name, reached=date(2025, 1, 1) if number % 2 else None)
        for number, name in enumerate(HOSTILE[4:9])
    ),
    log=tuple(LogLine(day=date(2025, 2, 3), text=f"{name} " * 5) for name in HOSTILE[1:8]),
)

SUMMARY = ReviewSummary(
    title="20 reviews in 6 minutes",
    subtitle="Deep Learning Berlin, 21 Nov 2026",
    grades=(
        Count(label="Again", count=3),
        Count(label="Hard", count=2),
        Count(label="Good", count=14),
        Count(label="Easy", count=1),
    ),
    coming=tuple(
        Count(label=label, count=count)
        for label, count in zip(
            ("Today", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"), (0, 6, 11, 4, 8, 0, 2), strict=True
        )
    ),
)
SUMMARY_HOSTILE = ReviewSummary(
    title=HOSTILE[7] * 3,
    subtitle=ZALGO + HOSTILE[1] * 3,
    grades=tuple(Count(label=name, count=10 ** (3 * i)) for i, name in enumerate(HOSTILE[2:6])),
    coming=tuple(Count(label=name, count=10**i) for i, name in enumerate(HOSTILE[:7])),
)
STATS = ReviewStats(
    title="Katharina Schönfelder",
    subtitle="Deep Learning Berlin, 91 % of 1,204 reviews recalled",
    months=tuple(
        MonthRecall(month=date(2026 - (month > 11), month, 1), share=share)
        for month, share in zip(
            (12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
            (None, None, 0.81, 0.84, 1.0, 0.92, 0.88, None, 0.93, 0.9, 0.94, 0.91),
            strict=True,
        )
    ),
    wanted=0.9,
    coming=tuple((7 * day * day + 3 * day) % 19 for day in range(30)),
    days=tuple((day * day * 7 + day) % 23 if day > 60 and day % 7 not in (1, 4) else 0 for day in range(365)),
    until=date(2026, 11, 21),
)
STATS_HOSTILE = ReviewStats(
    title=HOSTILE[8] * 4,
    subtitle=HOSTILE[5] * 12,
    months=(MonthRecall(month=date(2024, 2, 1), share=0.0), MonthRecall(month=date(2024, 3, 1), share=1.0)),
    wanted=0.97,
    coming=(0,) * 29 + (1_000_000,),
    days=(1_000_000,) + (0,) * 364 + (1,),
    until=date(2024, 3, 31),
)

CLASSIFICATION = ClassificationCard(
    title="Fly agaric",
    subtitle="mushrooms v3",
    guesses=(
        LabelShare(label="Fly agaric", share=0.934),
        LabelShare(label="Penny bun", share=0.041),
        LabelShare(label="Death cap", share=0.018),
        LabelShare(label="Chanterelle", share=0.006),
        LabelShare(label="Parasol", share=0.001),
    ),
    sure=True,
)
NOT_SURE = ClassificationCard(
    title="Not sure",
    subtitle="No label stands out. digits",
    guesses=(
        LabelShare(label="3", share=0.38),
        LabelShare(label="8", share=0.35),
        LabelShare(label="9", share=0.11),
    ),
    sure=False,
)
CLASSIFICATION_HOSTILE = ClassificationCard(
    title=HOSTILE[1] * 2,
    subtitle=ZALGO + HOSTILE[0],
    guesses=tuple(
        LabelShare(label=name, share=share) for name, share in zip(HOSTILE, (1, 0.5, 0, -2, 7), strict=False)
    ),
    sure=True,
)
CONFUSION = ConfusionCard(
    title="mushrooms v3",
    subtitle="91 % of 120 images it never saw are right",
    labels=("Chanterelle", "Death cap", "Fly agaric", "Parasol", "Penny bun"),
    counts=((22, 0, 0, 1, 1), (0, 23, 0, 2, 0), (0, 0, 24, 0, 0), (2, 3, 0, 18, 0), (1, 0, 0, 1, 22)),
)
CONFUSION_HOSTILE = ConfusionCard(
    title=HOSTILE[7] * 2,
    subtitle=HOSTILE[4] * 3,
    labels=tuple((HOSTILE + HOSTILE + HOSTILE)[:20]),
    counts=tuple(tuple(10**i if i == j else (i * j) % 3 for j in range(20)) for i in range(20)),
)

#: By the name of the file in `samples`, less the theme.
SAMPLES: dict[str, Card] = {
    "board": BOARD,
    "board-hostile": BOARD_HOSTILE,
    "profile": PROFILE,
    "profile-hostile": PROFILE_HOSTILE,
    "lessons": LESSONS,
    "lessons-hostile": LESSONS_HOSTILE,
    "project": PROJECT,
    "project-hostile": PROJECT_HOSTILE,
    "summary": SUMMARY,
    "summary-hostile": SUMMARY_HOSTILE,
    "stats": STATS,
    "stats-hostile": STATS_HOSTILE,
    "classification": CLASSIFICATION,
    "classification-unsure": NOT_SURE,
    "classification-hostile": CLASSIFICATION_HOSTILE,
    "confusion": CONFUSION,
    "confusion-hostile": CONFUSION_HOSTILE,
}
