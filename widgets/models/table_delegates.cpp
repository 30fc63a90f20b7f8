#include "widgets/models/table_delegates.h"

#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QAbstractItemView>
#include <QtWidgets/QApplication>
#include <algorithm>
#include <cmath>

#include "widgets/models/compare_table_model.h"
#include "widgets/models/cut_middle.h"
#include "widgets/models/job_list_model.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/run_colours.h"
#include "widgets/models/run_table_model.h"
#include "widgets/models/shorter_names.h"

namespace graticule {

using theme::Theme;
using theme::Token;

namespace {
constexpr int padding = 6;

void draw_background(QPainter& painter, const QStyleOptionViewItem& option, const Theme& look) {
    if (option.state & QStyle::State_Selected)
        painter.fillRect(option.rect, look[Token::selection]);
    else if (option.state & QStyle::State_MouseOver)
        painter.fillRect(option.rect, look[Token::header]);
    painter.setPen(look.faded(Token::border, 0.45));
    painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
}

int alignment_of(const QModelIndex& index) { return index.data(Qt::TextAlignmentRole).toInt(); }
QRect inner(const QRect& rect) { return rect.adjusted(padding, 0, -padding, 0); }
} // namespace

void HeatDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    draw_background(*painter, option, look);
    const QVariant heat = index.data(LayerTableModel::HeatRole);
    QColor colour = look[Token::text];
    if (heat.isValid()) {
        painter->fillRect(option.rect.adjusted(0, 0, 0, -1), look.heat(heat.toDouble()));
        colour = look.heat_text(heat.toDouble());
    }
    const int column = index.column();
    const QString whole = index.data().toString();
    const QString text = column == LayerTableModel::Scheme ? index.data(LayerTableModel::ShownRole).toString() : whole;
    if (text == whole) paintMatches(*painter, option, index, text);
    if (column == LayerTableModel::Block && (option.state & QStyle::State_Selected))
        painter->fillRect(QRect(option.rect.topLeft(), QSize(3, option.rect.height())), look[Token::accent]);
    if (column == LayerTableModel::Scheme)
        paintScheme(*painter, option, index, text);
    else
        texts_.draw(*painter, inner(option.rect), alignment_of(index), text, option.font, colour);
}

// What the filter asked for: behind the letters, or under a number whose cell has a colour of its own.
void HeatDelegate::paintMatches(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index,
                                const QString& text) const {
    const QVariant matches = index.data(LayerTableModel::MatchRole);
    if (!matches.isValid()) return;
    const Theme& look = theme::of(option.palette);
    const QRect rect = inner(option.rect);
    const int side = alignment_of(index);
    const int start = side & Qt::AlignRight ? rect.right() + 1 - texts_.width(text, option.font, side) : rect.left();
    for (const QPoint& part : matches.value<QList<QPoint>>()) {
        const int from = start + texts_.width(text.left(part.x()), option.font, side);
        const int width = texts_.width(text.mid(part.x(), part.y()), option.font, side);
        const QRect letters = QRect(from, rect.center().y() - 8, width, 17).intersected(rect);
        if (index.data(LayerTableModel::HeatRole).isValid())
            painter.fillRect(letters.left(), option.rect.bottom() - 3, letters.width(), 2, look[Token::levels]);
        else
            painter.fillRect(letters, look.faded(Token::levels, 0.32));
    }
}

// "dINT4 / A8": an edited weight format stands out, the rest stays quiet.
void HeatDelegate::paintScheme(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index,
                               const QString& scheme) const {
    const Theme& look = theme::of(option.palette);
    constexpr int side = Qt::AlignVCenter | Qt::AlignLeft;
    QRect rect = inner(option.rect);
    const bool edited = index.data(LayerTableModel::EditedRole).toBool();
    QFont font = option.font;
    if (edited) font.setWeight(QFont::DemiBold);
    const auto width = [&](const QString& text) { return texts_.width(text, font, side); };
    // Where somebody drew the column too narrow for its fewest words: the format stays, and the methods.
    const QFontMetrics metrics(font);
    const QString text =
        width(scheme) <= rect.width()
            ? scheme
            : cut_middle(scheme, rect.width(), [&](const QString& part) { return metrics.horizontalAdvance(part); });
    if (!edited) return texts_.draw(painter, rect, side, text, font, look[Token::secondary]);
    const QString head = text.section(QStringLiteral(" / "), 0, 0).section(QStringLiteral(" · "), 0, 0);
    texts_.draw(painter, rect, side, head, font, look[Token::levels]);
    rect.setLeft(rect.left() + width(head));
    texts_.draw(painter, rect, side, text.mid(head.size()), option.font, look[Token::secondary]);
}

// A smooth line costs as much as a whole row of text, and runs that are done do not change.
const QPixmap& RunDelegate::curve(const Curve& wanted) const {
    if (const QPixmap* known = curves_.object(wanted)) return *known;
    auto* picture = new QPixmap((QSizeF(wanted.size) * wanted.device_pixels).toSize());
    picture->setDevicePixelRatio(wanted.device_pixels);
    picture->fill(Qt::transparent);
    curves_.insert(wanted, picture);
    if (wanted.values.size() < 2) return *picture;
    const auto [low, high] = std::minmax_element(wanted.values.begin(), wanted.values.end());
    const double range = std::max(*high - *low, 1e-9 * std::abs(*high));
    const QRectF area(1, 7, wanted.size.width() - 2, wanted.size.height() - 15);
    QPolygonF line;
    for (qsizetype i = 0; i < wanted.values.size(); ++i)
        line << QPointF(area.left() + double(i) / double(wanted.values.size() - 1) * area.width(),
                        area.bottom() - (wanted.values[i] - *low) / range * area.height());
    QPainter painter(picture);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(wanted.colour, 1.5));
    painter.drawPolyline(line);
    return *picture;
}

void RunDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    draw_background(*painter, option, look);
    QRect rect = inner(option.rect);
    const auto smooth = [painter](auto draw) { // as one leaves it
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        draw();
        painter->restore();
    };
    switch (index.column()) {
    case RunTableModel::Curve: {
        const QColor run = run_colour(look, index.data(RunTableModel::ColourRole).toInt());
        rect.setLeft(std::max(rect.left(), rect.right() - 110));
        const auto values = index.data(RunTableModel::CurveRole).value<QList<double>>();
        return painter->drawPixmap(rect.topLeft(),
                                   curve({values, rect.size(), run, painter->device()->devicePixelRatioF()}));
    }
    case RunTableModel::StateColumn: {
        const QVariant share = index.data(RunTableModel::ProgressRole);
        if (!share.isValid()) break;
        const QRect bar(rect.left(), rect.center().y() - 3, std::min(rect.width(), 110), 6);
        return smooth([&] {
            painter->setBrush(look[Token::border]);
            painter->drawRoundedRect(bar, 3, 3);
            painter->setBrush(look[Token::accent]);
            painter->drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * share.toDouble(), bar.height()), 3, 3);
        });
    }
    case RunTableModel::Recipe:
        smooth([&] {
            painter->setBrush(run_colour(look, index.data(RunTableModel::ColourRole).toInt()));
            painter->drawEllipse(QPointF(rect.left() + 4.5, rect.center().y() + 0.5), 4.5, 4.5);
        });
        rect.setLeft(rect.left() + 17);
        break;
    default:
        break;
    }
    QFont font = option.font;
    if (const QVariant wanted = index.data(Qt::FontRole); wanted.isValid())
        font.setWeight(wanted.value<QFont>().weight());
    static constexpr Token tones[] = {Token::text, Token::good, Token::worse, Token::secondary};
    const int tone = std::clamp(index.data(RunTableModel::ToneRole).toInt(), 0, 3);
    const int side = alignment_of(index);
    QString text = index.data().toString();
    if (texts_.width(text, font, side) > rect.width())
        if (const QStringList shorter = index.data(RunTableModel::ShorterRole).toStringList(); !shorter.isEmpty())
            text = first_that_fits(shorter, rect.width(),
                                   [&](const QString& part) { return texts_.width(part, font, side); });
    texts_.draw(*painter, rect, side, text, font, look[tones[tone]]);
}

void ToneDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    static constexpr Token tones[] = {Token::text, Token::good, Token::worse};
    const Theme& look = theme::of(option.palette);
    draw_background(*painter, option, look);
    const int tone = std::clamp(index.data(CompareTableModel::ToneRole).toInt(), 0, 2);
    texts_.draw(*painter, inner(option.rect), alignment_of(index), index.data().toString(), option.font,
                look[tones[tone]]);
}

namespace {
constexpr int second_line = 18; // below the first
constexpr int job_padding = 12, controls_of_running = 56;
} // namespace

bool JobDelegate::hasTwoLines(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const auto* view = qobject_cast<const QAbstractItemView*>(option.widget);
    const int width = view ? view->viewport()->width() : option.rect.width();
    const bool running = index.data(JobListModel::StateRole).toInt() == static_cast<int>(JobState::running);
    const int room = width - 2 * job_padding - (running ? controls_of_running : 0);
    const int title = texts_.width(index.data().toString(), option.font, Qt::AlignLeft);
    const int longest_progress = theme::scaled(240); // its numbers change all the time, the line's height must not
    const int detail = running
                           ? longest_progress
                           : texts_.width(index.data(JobListModel::DetailRole).toString(), option.font, Qt::AlignRight);
    return title + job_padding + detail > room;
}

QSize JobDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const int one_line = index.data(JobListModel::ShareRole).isValid() ? 46 : 32;
    return {200, one_line + (hasTwoLines(option, index) ? second_line : 0)};
}

QRect JobDelegate::crossRect(const QRect& row) { return {row.right() - 30, row.top() + 6, 22, 20}; }
QRect JobDelegate::holdRect(const QRect& row) { return crossRect(row).translated(-24, 0); }

namespace {
// Two bars while it runs, a triangle while it stands: as on every player.
void draw_hold(QPainter& painter, const QRect& rect, bool held, const QColor& colour) {
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    const QPointF middle = QRectF(rect).center();
    if (held) {
        painter.drawPolygon(QPolygonF({middle + QPointF(-3, -5), middle + QPointF(-3, 5), middle + QPointF(5.5, 0)}));
    } else {
        painter.drawRect(QRectF(middle + QPointF(-4, -4.5), QSizeF(2.8, 9)));
        painter.drawRect(QRectF(middle + QPointF(1.2, -4.5), QSizeF(2.8, 9)));
    }
    painter.restore();
}
} // namespace

void JobDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    const auto state = static_cast<JobState>(index.data(JobListModel::StateRole).toInt());
    const bool running = state == JobState::running;
    painter->save();
    painter->setPen(look[Token::border]);
    painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
    QRect line = option.rect.adjusted(12, 6, -12, 0);
    line.setHeight(20);
    if (index.data(JobListModel::CanCancelRole).toBool()) {
        texts_.draw(*painter, crossRect(option.rect), Qt::AlignCenter, QStringLiteral("✕"), option.font,
                    look[Token::secondary]);
        line.setRight(crossRect(option.rect).left() - 2);
    }
    const QVariant held = index.data(JobListModel::HeldRole);
    if (held.isValid()) {
        draw_hold(*painter, holdRect(option.rect), held.toBool(), look[Token::secondary]);
        line.setRight(holdRect(option.rect).left() - 2);
    }
    if (option.state & QStyle::State_Selected && option.state & QStyle::State_HasFocus)
        painter->fillRect(QRect(option.rect.topLeft(), QSize(3, option.rect.height() - 1)), look[Token::accent]);
    const QString detail = index.data(JobListModel::DetailRole).toString();
    const bool two = hasTwoLines(option, index), failed = state == JobState::failed;
    QRect left = line, right = line;
    if (two) {
        right.translate(0, second_line);
        right.setRight(option.rect.right() - job_padding);
    } else {
        const int detail_width = texts_.width(detail, option.font, Qt::AlignRight) + 2;
        left.setRight(line.right() - detail_width - job_padding);
        right.setLeft(line.right() - detail_width);
    }
    texts_.draw(*painter, left, Qt::AlignVCenter | Qt::AlignLeft, index.data().toString(), option.font,
                look[running ? Token::text : Token::secondary]);
    // Of a failure the beginning tells: which file. Its end is advice, and all of it in the tip.
    const QString said = failed ? option.fontMetrics.elidedText(detail, Qt::ElideRight, right.width()) : detail;
    texts_.draw(*painter, right, Qt::AlignVCenter | (two ? Qt::AlignLeft : Qt::AlignRight), said, option.font,
                look[failed ? Token::worse : Token::secondary]);
    if (running) {
        const QRectF bar(option.rect.left() + 12, option.rect.top() + 31 + (two ? second_line : 0),
                         option.rect.width() - 24, 6);
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        painter->setBrush(look[Token::border]);
        painter->drawRoundedRect(bar, 3, 3);
        const double share = std::clamp(index.data(JobListModel::ShareRole).toDouble(), 0.0, 1.0);
        painter->setBrush(look[held.toBool() ? Token::faint : Token::accent]);
        if (share > 0)
            painter->drawRoundedRect(QRectF(bar.topLeft(), QSizeF(std::max(6.0, bar.width() * share), 6)), 3, 3);
    }
    painter->restore();
}

bool JobDelegate::editorEvent(QEvent* event, QAbstractItemModel*, const QStyleOptionViewItem& option,
                              const QModelIndex& index) {
    if (event->type() != QEvent::MouseButtonRelease) return false;
    const auto* mouse = static_cast<QMouseEvent*>(event);
    if (const QVariant held = index.data(JobListModel::HeldRole);
        held.isValid() && holdRect(option.rect).contains(mouse->position().toPoint())) {
        Q_EMIT holdClicked(index.data(JobListModel::JobRole).toInt(), !held.toBool());
        return true;
    }
    if (!crossRect(option.rect).contains(mouse->position().toPoint()) ||
        !index.data(JobListModel::CanCancelRole).toBool())
        return false;
    Q_EMIT cancelClicked(index.data(JobListModel::JobRole).toInt());
    return true;
}

} // namespace graticule
