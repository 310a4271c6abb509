"""From a card to its picture. Pure: the same card, theme, fonts and language give the same bytes."""

from bot.rendering.board import draw_board
from bot.rendering.cards import BoardCard, Card, LessonGrid, ProfileCard, ProjectTimeline, Theme
from bot.rendering.classifier import draw_classification, draw_confusion
from bot.rendering.fonts import Fonts
from bot.rendering.lessons import draw_lessons
from bot.rendering.model_cards import ClassificationCard, ConfusionCard
from bot.rendering.palette import PALETTES
from bot.rendering.profile import draw_profile
from bot.rendering.project import draw_project
from bot.rendering.review_cards import ReviewStats, ReviewSummary
from bot.rendering.reviews import draw_stats, draw_summary
from bot.rendering.sheet import Sheet


def draw(card: Card, theme: Theme, fonts: Fonts) -> bytes:
    """The card as a PNG, 800 pixels wide and as high as it needs."""
    sheet = Sheet(PALETTES[theme], fonts)
    match card:
        case BoardCard():
            height = draw_board(card, sheet)
        case ProfileCard():
            height = draw_profile(card, sheet)
        case LessonGrid():
            height = draw_lessons(card, sheet)
        case ProjectTimeline():
            height = draw_project(card, sheet)
        case ReviewSummary():
            height = draw_summary(card, sheet)
        case ReviewStats():
            height = draw_stats(card, sheet)
        case ClassificationCard():
            height = draw_classification(card, sheet)
        case ConfusionCard():
            height = draw_confusion(card, sheet)
    return sheet.png(height)
