#include "widgets/models/table_delegates.h"

#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtGui/QPainterPath>
#include <QtWidgets/QApplication>
#include <algorithm>
#include <cmath>

#include "widgets/models/compare_table_model.h"
#include "widgets/models/job_list_model.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/run_colours.h"
#include "widgets/models/run_table_model.h"

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

// Tabular figures: digits of one width, so that columns of numbers line up. Inter has them behind a feature that Qt 6.4
// cannot switch on; its digits are near enough in width for two decimals, and right alignment does the rest.
void draw_text(QPainter& painter, const QRect& rect, int alignment, const QString& text, const QColor& colour) {
    painter.setPen(colour);
    // In the middle: the telling end of a name is its last part, of a scheme its methods.
    const QString shown = painter.fontMetrics().elidedText(text, Qt::ElideMiddle, rect.width());
    painter.drawText(rect, alignment | Qt::TextSingleLine, shown);
}

int alignment_of(const QModelIndex& index) { return index.data(Qt::TextAlignmentRole).toInt(); }
QRect inner(const QRect& rect) { return rect.adjusted(padding, 0, -padding, 0); }
} // namespace

void HeatDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    painter->save();
    painter->setFont(option.font);
    draw_background(*painter, option, look);
    const QVariant heat = index.data(LayerTableModel::HeatRole);
    QColor colour = look[Token::text];
    if (heat.isValid()) {
        painter->fillRect(option.rect.adjusted(0, 0, 0, -1), look.heat(heat.toDouble()));
        colour = look.heat_text(heat.toDouble());
    }
    paintMatches(*painter, option, index);
    const int column = index.column();
    if (column == LayerTableModel::Block && (option.state & QStyle::State_Selected))
        painter->fillRect(QRect(option.rect.topLeft(), QSize(3, option.rect.height())), look[Token::accent]);
    if (column == LayerTableModel::Scheme)
        paintScheme(*painter, option, index);
    else
        draw_text(*painter, inner(option.rect), alignment_of(index), index.data().toString(), colour);
    painter->restore();
}

// What the filter asked for: behind the letters, or under a number whose cell has a colour of its own.
void HeatDelegate::paintMatches(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index) {
    const auto parts = index.data(LayerTableModel::MatchRole).value<QList<QPoint>>();
    if (parts.isEmpty()) return;
    const Theme& look = theme::of(option.palette);
    const QRect rect = inner(option.rect);
    const QFontMetrics metrics = painter.fontMetrics();
    const QString text = index.data().toString();
    const bool right = alignment_of(index) & Qt::AlignRight;
    const int start = right ? rect.right() + 1 - metrics.horizontalAdvance(text) : rect.left();
    for (const QPoint& part : parts) {
        const int from = start + metrics.horizontalAdvance(text.left(part.x()));
        const int width = metrics.horizontalAdvance(text.mid(part.x(), part.y()));
        const QRect letters = QRect(from, rect.center().y() - 8, width, 17).intersected(rect);
        if (index.data(LayerTableModel::HeatRole).isValid())
            painter.fillRect(letters.left(), option.rect.bottom() - 3, letters.width(), 2, look[Token::levels]);
        else
            painter.fillRect(letters, look.faded(Token::levels, 0.32));
    }
}

// "dINT4 / A8": an edited weight format stands out, the rest stays quiet.
void HeatDelegate::paintScheme(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index) {
    const Theme& look = theme::of(option.palette);
    const QString text = index.data().toString();
    QRect rect = inner(option.rect);
    if (!index.data(LayerTableModel::EditedRole).toBool()) {
        draw_text(painter, rect, Qt::AlignVCenter | Qt::AlignLeft, text, look[Token::secondary]);
        return;
    }
    QString head = text.section(QStringLiteral(" / "), 0, 0);
    QFont strong = option.font;
    strong.setWeight(QFont::DemiBold);
    painter.setFont(strong);
    if (const QFontMetrics plain(option.font);
        painter.fontMetrics().horizontalAdvance(head) + plain.horizontalAdvance(text.mid(head.size())) > rect.width())
        head = text; // cut as one, so that neither the format nor the methods are what is left out
    draw_text(painter, rect, Qt::AlignVCenter | Qt::AlignLeft, head, look[Token::levels]);
    if (head == text) return;
    rect.setLeft(rect.left() + painter.fontMetrics().horizontalAdvance(head));
    painter.setFont(option.font);
    draw_text(painter, rect, Qt::AlignVCenter | Qt::AlignLeft, text.mid(head.size()), look[Token::secondary]);
}

void RunDelegate::paintCurve(QPainter& painter, const QRect& rect, const QList<double>& curve, const QColor& colour) {
    if (curve.size() < 2) return;
    const auto [low, high] = std::minmax_element(curve.begin(), curve.end());
    const double range = std::max(*high - *low, 1e-9 * std::abs(*high));
    QPainterPath path;
    for (qsizetype i = 0; i < curve.size(); ++i) {
        const double x = rect.left() + double(i) / double(curve.size() - 1) * rect.width();
        const double y = rect.bottom() - (curve[i] - *low) / range * rect.height();
        if (i == 0)
            path.moveTo(x, y);
        else
            path.lineTo(x, y);
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.5));
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(path);
}

void RunDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    painter->save();
    QFont font = option.font;
    if (const QVariant wanted = index.data(Qt::FontRole); wanted.isValid())
        font.setWeight(wanted.value<QFont>().weight());
    painter->setFont(font);
    draw_background(*painter, option, look);
    QRect rect = inner(option.rect);
    const QVariant colour_index = index.data(RunTableModel::ColourRole);
    const QColor run = run_colour(look, colour_index.toInt());
    if (const QVariant curve = index.data(RunTableModel::CurveRole); curve.isValid()) {
        paintCurve(*painter, rect.adjusted(std::max(0, rect.width() - 110), 7, 0, -8), curve.value<QList<double>>(),
                   run);
        painter->restore();
        return;
    }
    if (const QVariant share = index.data(RunTableModel::ProgressRole); share.isValid()) {
        const QRect bar(rect.left(), rect.center().y() - 3, std::min(rect.width(), 110), 6);
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        painter->setBrush(look[Token::border]);
        painter->drawRoundedRect(bar, 3, 3);
        painter->setBrush(look[Token::accent]);
        painter->drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * share.toDouble(), bar.height()), 3, 3);
        painter->restore();
        return;
    }
    if (index.column() == RunTableModel::Recipe) {
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        painter->setBrush(run);
        painter->drawEllipse(QPointF(rect.left() + 4.5, rect.center().y() + 0.5), 4.5, 4.5);
        rect.setLeft(rect.left() + 17);
    }
    static constexpr Token tones[] = {Token::text, Token::good, Token::worse, Token::secondary};
    const int tone = std::clamp(index.data(RunTableModel::ToneRole).toInt(), 0, 3);
    draw_text(*painter, rect, alignment_of(index), index.data().toString(), look[tones[tone]]);
    painter->restore();
}

void ToneDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    static constexpr Token tones[] = {Token::text, Token::good, Token::worse};
    const Theme& look = theme::of(option.palette);
    painter->save();
    painter->setFont(option.font);
    draw_background(*painter, option, look);
    const int tone = std::clamp(index.data(CompareTableModel::ToneRole).toInt(), 0, 2);
    draw_text(*painter, inner(option.rect), alignment_of(index), index.data().toString(), look[tones[tone]]);
    painter->restore();
}

QSize JobDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex& index) const {
    return {200, index.data(JobListModel::ShareRole).isValid() ? 46 : 32};
}

QRect JobDelegate::crossRect(const QRect& row) { return {row.right() - 30, row.top() + 6, 22, 20}; }

void JobDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const Theme& look = theme::of(option.palette);
    const auto state = static_cast<JobState>(index.data(JobListModel::StateRole).toInt());
    const bool running = state == JobState::running;
    painter->save();
    painter->setFont(option.font);
    painter->setPen(look[Token::border]);
    painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
    QRect line = option.rect.adjusted(12, 6, -12, 0);
    line.setHeight(20);
    if (index.data(JobListModel::CanCancelRole).toBool()) {
        draw_text(*painter, crossRect(option.rect), Qt::AlignCenter, QStringLiteral("✕"), look[Token::secondary]);
        line.setRight(crossRect(option.rect).left() - 2);
    }
    const QString detail = index.data(JobListModel::DetailRole).toString();
    const int detail_width = std::min(line.width() * 2 / 3, painter->fontMetrics().horizontalAdvance(detail) + 2);
    QRect left = line, right = line;
    left.setRight(line.right() - detail_width - 12);
    right.setLeft(line.right() - detail_width);
    draw_text(*painter, left, Qt::AlignVCenter | Qt::AlignLeft, index.data().toString(),
              look[running ? Token::text : Token::secondary]);
    const bool failed = state == JobState::failed;
    draw_text(*painter, right, Qt::AlignVCenter | Qt::AlignRight, detail,
              look[failed ? Token::worse : Token::secondary]);
    if (running) {
        const QRectF bar(option.rect.left() + 12, option.rect.top() + 31, option.rect.width() - 24, 6);
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        painter->setBrush(look[Token::border]);
        painter->drawRoundedRect(bar, 3, 3);
        const double share = std::clamp(index.data(JobListModel::ShareRole).toDouble(), 0.0, 1.0);
        painter->setBrush(look[Token::accent]);
        if (share > 0)
            painter->drawRoundedRect(QRectF(bar.topLeft(), QSizeF(std::max(6.0, bar.width() * share), 6)), 3, 3);
    }
    painter->restore();
}

bool JobDelegate::editorEvent(QEvent* event, QAbstractItemModel*, const QStyleOptionViewItem& option,
                              const QModelIndex& index) {
    if (event->type() != QEvent::MouseButtonRelease) return false;
    const auto* mouse = static_cast<QMouseEvent*>(event);
    if (!crossRect(option.rect).contains(mouse->position().toPoint()) ||
        !index.data(JobListModel::CanCancelRole).toBool())
        return false;
    Q_EMIT cancelClicked(index.data(JobListModel::JobRole).toInt());
    return true;
}

} // namespace graticule
