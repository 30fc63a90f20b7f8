#include "widgets/panels/shortcuts_dialog.h"

#include <QtGui/QAction>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QKeySequenceEdit>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QStyledItemDelegate>
#include <QtWidgets/QTableWidget>
#include <QtWidgets/QVBoxLayout>

namespace graticule {

namespace {
constexpr int keys_column = 1;

QString text_of(const QList<QKeySequence>& keys) { return QKeySequence::listToString(keys, QKeySequence::NativeText); }

/// The cell listens for the key itself.
class KeyDelegate final : public QStyledItemDelegate {
public:
    explicit KeyDelegate(ShortcutsDialog* dialog)
        : QStyledItemDelegate(dialog)
        , dialog_(dialog) {}

    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem&, const QModelIndex&) const override {
        auto* edit = new QKeySequenceEdit(parent);
        auto* self = const_cast<KeyDelegate*>(this); // Qt's own delegates do so: editors report through signals
        connect(edit, &QKeySequenceEdit::editingFinished, self, [self, edit] {
            Q_EMIT self->commitData(edit);
            Q_EMIT self->closeEditor(edit);
        });
        return edit;
    }
    void setEditorData(QWidget*, const QModelIndex&) const override {} // it starts empty: the next key is the new one
    void setModelData(QWidget* editor, QAbstractItemModel*, const QModelIndex& index) const override {
        const QKeySequence keys = static_cast<QKeySequenceEdit*>(editor)->keySequence();
        if (!keys.isEmpty()) dialog_->assign(index.row(), QKeySequence(keys[0])); // one chord, not a melody
    }

private:
    ShortcutsDialog* dialog_;
};
} // namespace

ShortcutsDialog::ShortcutsDialog(std::vector<ShortcutRow> rows, std::vector<FixedKeys> fixed, QWidget* parent)
    : QDialog(parent)
    , rows_(std::move(rows))
    , fixed_(std::move(fixed))
    , table_(new QTableWidget(static_cast<int>(rows_.size() + fixed_.size()), 2))
    , problem_(new QLabel) {
    setWindowTitle(tr("Keyboard shortcuts"));
    table_->setAccessibleName(windowTitle());
    table_->setHorizontalHeaderLabels({tr("command"), tr("keys")});
    table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    table_->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
    table_->horizontalHeader()->resizeSection(keys_column, 220);
    table_->verticalHeader()->setDefaultSectionSize(26);
    table_->verticalHeader()->hide();
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setShowGrid(false);
    table_->setItemDelegateForColumn(keys_column, new KeyDelegate(this));
    table_->setToolTip(tr("Double click the keys, then press the new ones; Del takes them away"));
    const auto put = [this](int row, int column, const QString& text, bool editable) {
        auto* item = new QTableWidgetItem(text);
        item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | (editable ? Qt::ItemIsEditable : Qt::NoItemFlags));
        table_->setItem(row, column, item);
    };
    int row = 0;
    for (const ShortcutRow& command : rows_) {
        put(row, 0, command.text, false);
        put(row, keys_column, {}, true);
        set(static_cast<std::size_t>(row), command.keys);
        ++row;
    }
    for (const FixedKeys& always : fixed_) {
        QStringList ways{always.gestures, text_of(always.keys)};
        ways.removeAll(QString());
        put(row, 0, always.text, false);
        put(row++, keys_column, ways.join(QStringLiteral("; ")), false);
    }
    auto* clear = new QAction(tr("Take the keys away"), table_);
    clear->setShortcut(QKeySequence::Delete);
    clear->setShortcutContext(Qt::WidgetShortcut);
    connect(clear, &QAction::triggered, this, [this] { assign(table_->currentRow(), {}); });
    table_->addAction(clear);
    problem_->setProperty("role", "worse");
    problem_->setWordWrap(true);
    auto* reset = new QPushButton(tr("Reset all keys"));
    auto* close = new QPushButton(tr("Close"));
    for (QPushButton* button : {reset, close}) button->setAutoDefault(false); // Enter edits the row
    connect(reset, &QPushButton::clicked, this, &ShortcutsDialog::resetAll);
    connect(close, &QPushButton::clicked, this, &QDialog::accept);
    auto* column = new QVBoxLayout(this);
    column->addWidget(table_);
    auto* foot = new QHBoxLayout;
    foot->addWidget(problem_, 1);
    foot->addWidget(reset);
    foot->addWidget(close);
    column->addLayout(foot);
    resize(640, 600);
}

QString ShortcutsDialog::problem() const { return problem_->text(); }

bool ShortcutsDialog::assign(int row, const QKeySequence& keys) {
    problem_->clear();
    if (row < 0 || row >= static_cast<int>(rows_.size())) return false;
    const auto at = static_cast<std::size_t>(row);
    for (std::size_t other = 0; other < rows_.size(); ++other) {
        if (other == at || keys.isEmpty() || !rows_[other].keys.contains(keys)) continue;
        problem_->setText(tr("%1 belongs to “%2”: give that another key first.")
                              .arg(keys.toString(QKeySequence::NativeText), rows_[other].text));
        return false;
    }
    for (const FixedKeys& always : fixed_) {
        if (keys.isEmpty() || !always.keys.contains(keys)) continue;
        problem_->setText(
            tr("%1 always means “%2”: choose another key.").arg(keys.toString(QKeySequence::NativeText), always.text));
        return false;
    }
    const QList<QKeySequence> list = keys.isEmpty() ? QList<QKeySequence>() : QList<QKeySequence>{keys};
    if (list == rows_[at].keys) return true;
    set(at, list);
    Q_EMIT changed(rows_[at].name, list);
    return true;
}

void ShortcutsDialog::resetAll() {
    problem_->clear();
    for (std::size_t row = 0; row < rows_.size(); ++row) {
        if (rows_[row].keys == rows_[row].standard) continue;
        set(row, rows_[row].standard);
        Q_EMIT changed(rows_[row].name, rows_[row].standard);
    }
}

void ShortcutsDialog::set(std::size_t row, const QList<QKeySequence>& keys) {
    rows_[row].keys = keys;
    QTableWidgetItem* item = table_->item(static_cast<int>(row), keys_column);
    item->setText(text_of(keys));
    QFont font = table_->font();
    font.setWeight(keys == rows_[row].standard ? QFont::Normal : QFont::DemiBold); // what was changed stands out
    item->setFont(font);
}

} // namespace graticule
