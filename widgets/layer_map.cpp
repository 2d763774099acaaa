#include "widgets/layer_map.h"

#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kLeft = 30;  // the layers' numbers
constexpr int kRight = 8;
constexpr int kHeader = 66;   // the components' names, upright
constexpr int kOutside = 46;  // the row for what belongs to no layer
constexpr int kLegend = 34;
constexpr int kBesideText = 6;  // of a cell: its number does not run into the next one's
constexpr double kLeastRow = 7;
constexpr double kMostRow = 26;

}  // namespace

LayerMap::LayerMap(Selection& selection, QWidget* parent) : QAbstractScrollArea(parent), m_selection(selection) {
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    viewport()->setMouseTracking(true);
    setMinimumSize(190, 200);
    setAccessibleName(tr("Map of layers and components"));
    setAccessibleDescription(tr("Arrow keys move from cell to cell, Escape selects everything again."));
    m_picture.name = QStringLiteral("layer-map");
    m_picture.size = [this] { return viewport()->size(); };
    m_picture.paint = [this](QPaintDevice& device, QSize size) {
        QPainter painter(&device);
        paint(painter, size);
    };
    m_picture.csv = [this] { return csv(); };
    addPictureMenu(*this, m_picture);
    connect(&m_selection, &Selection::changed, this, [this] {
        rebuild();
        if (m_selection.focus().layer && *m_selection.focus().layer >= 0) scrollTo(*m_selection.focus().layer);
    });
    connect(&theme(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

void LayerMap::setProfile(const ProfilePtr& profile, const ComparisonPtr& comparison) {
    m_profile = profile;
    m_comparison = comparison;
    rebuild();
}

void LayerMap::setMetric(MapMetric metric) {
    m_metric = metric;
    rebuild();
}

void LayerMap::rebuild() {
    m_point = m_profile ? pointOf(*m_profile, m_selection.focus()) : nullptr;
    m_compared = comparedAt(m_comparison, m_point);
    m_columns.clear();
    m_outside.clear();
    m_values.clear();
    m_quiet.clear();
    m_layers = 0;
    m_least = std::numeric_limits<double>::infinity();
    m_most = 0;
    if (m_point != nullptr) {
        m_columns = layerComponentsIn(*m_point);
        m_layers = layerCountOf(*m_point);
        m_values.assign(static_cast<std::size_t>(m_layers) * m_columns.size(),
                        std::numeric_limits<double>::quiet_NaN());
        m_quiet.assign(m_values.size(), 0);
        const auto consider = [this](double value) {
            if (!std::isfinite(value)) return;
            m_least = std::min(m_least, value);
            m_most = std::max(m_most, m_metric == MapMetric::Change ? std::abs(value) : value);
        };
        for (const profile::ComponentCost& cost : m_point->layers) {
            if (cost.layer < 0) continue;
            const auto column = std::find(m_columns.begin(), m_columns.end(), cost.component) - m_columns.begin();
            const double value = valueOf(cost);
            const auto cell =
                static_cast<std::size_t>(cost.layer) * m_columns.size() + static_cast<std::size_t>(column);
            m_values[cell] = value;
            m_quiet[cell] = isQuiet(cost.layer, cost.component) ? 1 : 0;
            consider(value);
        }
        for (const profile::ComponentCost& cost : m_point->components) {
            if (std::find(m_columns.begin(), m_columns.end(), cost.component) != m_columns.end()) continue;
            m_outside.push_back(cost.component);
            // lm_head may dwarf every layer: the scale is the layers', and what is beyond it is drawn at its end.
            if (m_layers == 0) consider(valueOf(cost));
        }
    }
    if (!(m_most > 0)) m_most = 1;
    if (!(m_least <= m_most)) m_least = 0;
    // From zero, so that twice the colour is twice the number; differences as far to both sides.
    m_least = m_metric == MapMetric::Change ? -m_most : 0;
    switch (m_metric) {
        case MapMetric::Time: m_unit = timeUnit(m_most); break;
        case MapMetric::Share:
        case MapMetric::OfFloor: m_unit = {100, QStringLiteral("%")}; break;
        case MapMetric::Memory: m_unit = bytesUnit(m_most); break;
        case MapMetric::Flops: m_unit = countUnit(m_most, QStringLiteral("FLOP")); break;
        case MapMetric::FlopRate: m_unit = {1e-3, QStringLiteral("GFLOP/s")}; break;
        case MapMetric::Change: m_unit = timeUnit(m_most); break;
    }
    const auto content = static_cast<int>(std::ceil(rowHeight() * m_layers));
    verticalScrollBar()->setRange(0, std::max(0, content - layersRoom()));
    verticalScrollBar()->setPageStep(layersRoom());
    verticalScrollBar()->setSingleStep(static_cast<int>(rowHeight()));
    viewport()->update();
}

void LayerMap::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    rebuild();
}

int LayerMap::layersRoom() const {
    return std::max(20, viewport()->height() - kHeader - kOutside - kLegend);
}

double LayerMap::rowHeight() const {
    if (m_layers == 0) return kMostRow;
    return std::clamp(layersRoom() / static_cast<double>(m_layers), kLeastRow, kMostRow);
}

double LayerMap::columnWidth() const {
    const auto columns = static_cast<double>(std::max<std::size_t>(m_columns.size(), 1));
    return std::max(12.0, (viewport()->width() - kLeft - kRight) / columns);
}

QRectF LayerMap::cellRect(std::int32_t layer, std::size_t column) const {
    return {kLeft + static_cast<double>(column) * columnWidth(),
            kHeader + layer * rowHeight() - verticalScrollBar()->value(), columnWidth(), rowHeight()};
}

QRectF LayerMap::outsideRect(std::size_t index) const {
    const double below = kHeader + std::min<double>(layersRoom(), rowHeight() * m_layers);
    const double width =
        (viewport()->width() - kLeft - kRight) / static_cast<double>(std::max<std::size_t>(m_outside.size(), 1));
    return {kLeft + static_cast<double>(index) * width, below + 8, width, 18};
}

double LayerMap::valueOf(std::int32_t layer, Component component) const {
    if (m_point == nullptr) return std::numeric_limits<double>::quiet_NaN();
    const profile::ComponentCost* cost = m_point->find(component, layer);
    return cost != nullptr ? valueOf(*cost) : std::numeric_limits<double>::quiet_NaN();
}

double LayerMap::valueOf(const profile::ComponentCost& cost) const {
    if (m_metric != MapMetric::Change) return metricOf(cost, m_metric);
    const profile::Change* change = changeOf(cost.layer, cost.component);
    return change != nullptr ? change->delta() : std::numeric_limits<double>::quiet_NaN();
}

const profile::Change* LayerMap::changeOf(std::int32_t layer, Component component) const {
    return m_compared != nullptr ? m_compared->find(component, layer) : nullptr;
}

bool LayerMap::isQuiet(std::int32_t layer, Component component) const {
    if (m_metric != MapMetric::Change) return false;
    const profile::Change* change = changeOf(layer, component);
    return change != nullptr && !change->differs();
}

QString LayerMap::textOf(double value) const {
    if (!std::isfinite(value)) return QStringLiteral("n/a");
    return signOf(value) + threeDigits(std::abs(value) * m_unit.factor);
}

QString LayerMap::signOf(double value) const {
    if (value < 0) return QChar(0x2212);
    return m_metric == MapMetric::Change && value > 0 ? QStringLiteral("+") : QString();
}

QColor LayerMap::colourOf(double value) const {
    const double position = (value - m_least) / (m_most - m_least);
    return m_metric == MapMetric::Change ? Theme::difference(2 * position - 1) : Theme::magnitude(position);
}

QString LayerMap::whyEmpty() const {
    if (m_point == nullptr || m_layers == 0)
        return tr("After a run: every layer's components, coloured by their cost.");
    if (m_metric != MapMetric::Change) return {};
    if (!m_comparison) return tr("With a baseline (Ctrl+B): every layer's components, coloured by what changed.");
    if (m_compared == nullptr) return tr("The baseline was not measured at this length.");
    return m_compared->find(m_columns.front(), 0) == nullptr
               ? tr("The baseline's layers have another shape: the page Compare shows components.")
               : QString();
}

// Painting ------------------------------------------------------------------------------------------------------------

void LayerMap::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    paint(painter, viewport()->size());
}

void LayerMap::paint(QPainter& painter, QSize size) {
    const Colours& c = theme().colours();
    painter.fillRect(QRect(QPoint(0, 0), size), c.surface);
    painter.setFont(Theme::smallFont());
    if (const QString why = whyEmpty(); !why.isEmpty()) {
        painter.setPen(c.muted);
        painter.drawText(QRect(QPoint(12, 0), size - QSize(24, 0)), Qt::AlignCenter | Qt::TextWordWrap, why);
        return;
    }
    paintLayers(painter, size);
    painter.fillRect(QRectF(0, 0, size.width(), kHeader), c.surface);
    paintHeader(painter);
    paintOutside(painter, size);
    paintLegend(painter, size);
}

void LayerMap::paintHeader(QPainter& painter) const {
    const Colours& c = theme().colours();
    const auto chosen = m_selection.focus().component;
    const double width = columnWidth();
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        const double x = kLeft + static_cast<double>(i) * width;
        painter.fillRect(QRectF(x + 1, kHeader - 5, width - 2, 3), theme().of(m_columns[i]));
        painter.save();
        painter.translate(x + width / 2, kHeader - 8);
        painter.rotate(-90);
        QFont font = Theme::smallFont();
        font.setBold(chosen && *chosen == m_columns[i]);
        painter.setFont(font);
        painter.setPen(chosen && *chosen != m_columns[i] ? c.muted : c.text);
        painter.drawText(QRectF(0, -10, kHeader - 8, 20), Qt::AlignLeft | Qt::AlignVCenter, nameOf(m_columns[i]));
        painter.restore();
    }
}

void LayerMap::paintCell(QPainter& painter, const QRectF& rect, double value, bool with_text, bool quiet) const {
    const Colours& c = theme().colours();
    const QRectF inner = rect.adjusted(0.5, 0.5, rect.width() > 8 ? -0.5 : 0, rect.height() > 8 ? -0.5 : 0);
    if (!std::isfinite(value)) {
        painter.fillRect(inner, QBrush(c.border, Qt::BDiagPattern));
        return;
    }
    const QColor colour = quiet ? c.raised : colourOf(value);
    painter.fillRect(inner, colour);
    if (!with_text) return;
    const QString sign = signOf(value);
    const QString text = shortest(std::abs(value) * m_unit.factor, [&](const QString& size) {
        return painter.fontMetrics().horizontalAdvance(sign + size) <= rect.width() - kBesideText;
    });
    if (text.isEmpty()) return;
    painter.setPen(quiet ? c.muted : Theme::textOn(colour));
    painter.drawText(rect, Qt::AlignCenter, sign + text);
}

void LayerMap::paintLayers(QPainter& painter, QSize size) const {
    const Colours& c = theme().colours();
    const Focus& focus = m_selection.focus();
    const double height = rowHeight();
    const double bottom = kHeader + std::min<double>(layersRoom(), height * m_layers);
    const int label_step = std::max(1, static_cast<int>(std::ceil((painter.fontMetrics().height() + 1) / height)));
    painter.save();
    painter.setClipRect(QRectF(0, kHeader, size.width(), bottom - kHeader + 1));
    for (std::int32_t layer = 0; layer < m_layers; ++layer) {
        const QRectF first = cellRect(layer, 0);
        if (first.bottom() < kHeader || first.top() > bottom) continue;
        const bool chosen = focus.layer && *focus.layer == layer;
        if (chosen || (layer % label_step == 0 && !(focus.layer && std::abs(*focus.layer - layer) < label_step))) {
            painter.setPen(chosen ? c.text : c.muted);
            painter.drawText(QRectF(0, first.top() - 6, kLeft - 6, height + 12), Qt::AlignRight | Qt::AlignVCenter,
                             QString::number(layer));
        }
        for (std::size_t column = 0; column < m_columns.size(); ++column) {
            const std::size_t cell = static_cast<std::size_t>(layer) * m_columns.size() + column;
            paintCell(painter, cellRect(layer, column), m_values[cell], height >= painter.fontMetrics().height() - 2,
                      m_quiet[cell] != 0);
        }
    }
    // The selection as a frame: a cell, a whole row or a whole column.
    const auto frame = [&](QRectF rect) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(c.surface, 4));
        painter.drawRect(rect);
        painter.setPen(QPen(c.text, 2));
        painter.drawRect(rect);
    };
    const auto column_at =
        focus.component ? std::find(m_columns.begin(), m_columns.end(), *focus.component) : m_columns.end();
    const bool has_column = column_at != m_columns.end();
    const auto column = static_cast<std::size_t>(column_at - m_columns.begin());
    const bool has_row = focus.layer && *focus.layer >= 0 && *focus.layer < m_layers;
    if (has_row && has_column) {
        frame(cellRect(*focus.layer, column));
    } else if (has_row && !focus.component) {
        frame(cellRect(*focus.layer, 0).united(cellRect(*focus.layer, m_columns.size() - 1)));
    } else if (has_column && !focus.layer) {
        frame(cellRect(0, column).united(cellRect(m_layers - 1, column)));
    }
    painter.restore();
}

void LayerMap::paintOutside(QPainter& painter, QSize /*size*/) const {
    const Colours& c = theme().colours();
    const auto chosen = m_selection.focus().component;
    for (std::size_t i = 0; i < m_outside.size(); ++i) {
        const QRectF rect = outsideRect(i);
        paintCell(painter, rect, valueOf(kNoLayer, m_outside[i]), true, isQuiet(kNoLayer, m_outside[i]));
        painter.setPen(chosen && *chosen == m_outside[i] ? c.text : c.muted);
        painter.drawText(
            QRectF(rect.left(), rect.bottom(), rect.width(), 16), Qt::AlignCenter,
            painter.fontMetrics().elidedText(nameOf(m_outside[i]), Qt::ElideRight, static_cast<int>(rect.width())));
        if (chosen && *chosen == m_outside[i]) {
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(c.text, 2));
            painter.drawRect(rect);
        }
    }
}

void LayerMap::paintLegend(QPainter& painter, QSize size) const {
    const Colours& c = theme().colours();
    // Right below the cells where there are few layers, at the bottom where they fill the room.
    const double below = kHeader + std::min<double>(layersRoom(), rowHeight() * m_layers) + kOutside;
    const double top = std::min<double>(below, size.height() - kLegend) + 6;
    const QRectF bar(kLeft, top, size.width() - kLeft - kRight, 7);
    QLinearGradient gradient(bar.topLeft(), bar.topRight());
    constexpr int kStops = 8;
    for (int i = 0; i <= kStops; ++i) {
        const double at = i / double(kStops);
        gradient.setColorAt(at, colourOf(m_least + at * (m_most - m_least)));
    }
    painter.fillRect(bar, gradient);
    painter.setPen(c.muted);
    const QRectF text(bar.left(), bar.bottom() + 1, bar.width(), 16);
    painter.drawText(text, Qt::AlignLeft, textOf(m_least));
    painter.drawText(text, Qt::AlignHCenter,
                     m_metric == MapMetric::Change ? tr("%1, grey: noise").arg(m_unit.name) : m_unit.name);
    painter.drawText(text, Qt::AlignRight, textOf(m_most));
    if (std::isfinite(valueOf(m_hover.layer.value_or(kNoLayer), m_hover.component.value_or(Component::Other))) &&
        m_hover.component) {
        const double value = valueOf(m_hover.layer.value_or(kNoLayer), *m_hover.component);
        const double x = bar.left() + std::clamp((value - m_least) / (m_most - m_least), 0.0, 1.0) * bar.width();
        painter.setPen(QPen(c.text, 2));
        painter.drawLine(QPointF(x, bar.top() - 3), QPointF(x, bar.bottom() + 2));
    }
}

// Mouse and keys ------------------------------------------------------------------------------------------------------

LayerMap::Cell LayerMap::cellAt(const QPoint& at) const {
    Cell cell;
    if (m_point == nullptr || m_layers == 0) return cell;
    for (std::size_t i = 0; i < m_outside.size(); ++i) {
        if (outsideRect(i).adjusted(0, 0, 0, 16).contains(at)) return {std::nullopt, m_outside[i]};
    }
    const double bottom = kHeader + std::min<double>(layersRoom(), rowHeight() * m_layers);
    if (at.y() >= bottom) return cell;
    const double column = (at.x() - kLeft) / columnWidth();
    if (column >= 0 && column < static_cast<double>(m_columns.size()))
        cell.component = m_columns[static_cast<std::size_t>(column)];
    if (at.y() >= kHeader) {
        const double layer = (at.y() - kHeader + verticalScrollBar()->value()) / rowHeight();
        if (layer < m_layers) cell.layer = static_cast<std::int32_t>(layer);
    }
    return cell;
}

void LayerMap::choose(const Cell& cell, bool toggle) {
    const Focus& focus = m_selection.focus();
    if (toggle && focus.layer == cell.layer && focus.component == cell.component) {
        m_selection.clear();
    } else {
        m_selection.setCell(cell.layer, cell.component);
    }
}

void LayerMap::scrollTo(std::int32_t layer) {
    const auto top = static_cast<int>(layer * rowHeight());
    const auto bottom = static_cast<int>((layer + 1) * rowHeight());
    QScrollBar* bar = verticalScrollBar();
    if (top < bar->value()) bar->setValue(top);
    if (bottom > bar->value() + layersRoom()) bar->setValue(bottom - layersRoom());
}

bool LayerMap::viewportEvent(QEvent* event) {
    if (event->type() == QEvent::ToolTip) return true;
    return QAbstractScrollArea::viewportEvent(event);
}

void LayerMap::mousePressEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton) choose(cellAt(event->pos()), true);
}

void LayerMap::mouseReleaseEvent(QMouseEvent* event) {
    event->accept();
}

void LayerMap::mouseMoveEvent(QMouseEvent* event) {
    const Cell cell = cellAt(event->pos());
    if (cell != m_hover) {
        m_hover = cell;
        viewport()->update();
    }
    const profile::ComponentCost* cost =
        m_point != nullptr && cell.component ? m_point->find(*cell.component, cell.layer.value_or(kNoLayer)) : nullptr;
    if (cost == nullptr) {
        QToolTip::hideText();
        return;
    }
    const QString where = cell.layer ? tr("layer %1").arg(*cell.layer) : tr("all of it");
    QString text = tr("<b>%1</b>, %2<br>%3 (%4)")
                       .arg(nameOf(*cell.component), where, timeText(cost->time), percentText(cost->share));
    if (const profile::Change* change = changeOf(cost->layer, cost->component)) {
        text += QStringLiteral("<br>") + changeText(*change);
    }
    if (m_metric != MapMetric::Time && m_metric != MapMetric::Share && m_metric != MapMetric::OfFloor &&
        m_metric != MapMetric::Change) {
        const double value = metricOf(*cost, m_metric);
        text += QStringLiteral("<br>%1 %2").arg(textOf(value), std::isfinite(value) ? m_unit.name : QString());
    }
    if (cost->component != Component::Other) {
        text += QStringLiteral("<br>") +
                floorTip(*m_profile, *m_point, *cost).replace(QLatin1Char('\n'), QLatin1String("<br>"));
    }
    QToolTip::showText(event->globalPosition().toPoint() + QPoint(12, 14), text, viewport());
}

void LayerMap::leaveEvent(QEvent* event) {
    m_hover = {};
    viewport()->update();
    QAbstractScrollArea::leaveEvent(event);
}

void LayerMap::keyPressEvent(QKeyEvent* event) {
    if (m_layers == 0 || m_columns.empty()) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    const Focus& focus = m_selection.focus();
    const auto found =
        focus.component ? std::find(m_columns.begin(), m_columns.end(), *focus.component) : m_columns.end();
    int column = found == m_columns.end() ? -1 : static_cast<int>(found - m_columns.begin());
    std::int32_t layer = focus.layer.value_or(-1);
    switch (event->key()) {
        case Qt::Key_Left: --column; break;
        case Qt::Key_Right: ++column; break;
        case Qt::Key_Up: --layer; break;
        case Qt::Key_Down: ++layer; break;
        case Qt::Key_Escape: m_selection.clear(); return;
        default: QAbstractScrollArea::keyPressEvent(event); return;
    }
    // One step before the first is the header: the whole row or column.
    column = std::clamp(column, -1, static_cast<int>(m_columns.size()) - 1);
    layer = std::clamp(layer, -1, m_layers - 1);
    Cell cell;
    if (column >= 0) cell.component = m_columns[static_cast<std::size_t>(column)];
    if (layer >= 0) cell.layer = layer;
    choose(cell, false);
}

QPoint LayerMap::cellCentre(std::int32_t layer, Component component) const {
    for (std::size_t i = 0; i < m_outside.size(); ++i) {
        if (m_outside[i] == component) return outsideRect(i).center().toPoint();
    }
    const auto column = std::find(m_columns.begin(), m_columns.end(), component) - m_columns.begin();
    return cellRect(layer, static_cast<std::size_t>(column)).center().toPoint();
}

QString LayerMap::csv() const {
    QString text = QStringLiteral("layer");
    for (const Component component : m_columns) text += QStringLiteral(",%1 [%2]").arg(nameOf(component), m_unit.name);
    text += QLatin1Char('\n');
    for (std::int32_t layer = 0; layer < m_layers; ++layer) {
        text += QString::number(layer);
        for (std::size_t column = 0; column < m_columns.size(); ++column) {
            const double value = m_values[static_cast<std::size_t>(layer) * m_columns.size() + column];
            text += QLatin1Char(',') + csvNumber(value * m_unit.factor);
        }
        text += QLatin1Char('\n');
    }
    return text;
}

}  // namespace perfmamba::widgets
