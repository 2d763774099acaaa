#include "widgets/timeline.h"

#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <cmath>

#include "widgets/derive.h"
#include "widgets/format.h"
#include "widgets/theme.h"
#include "widgets/timeline_geometry.h"

namespace perfmamba::widgets {

using namespace timeline;

namespace {

/// Events of a pass that are laid out where they stand: some milliseconds.
constexpr std::size_t kAtOnce = 20'000;

}  // namespace

Timeline::Timeline(Selection& selection, QWidget* parent) : QAbstractScrollArea(parent), m_selection(selection) {
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setMinimumHeight(120);
    viewport()->setMouseTracking(true);
    setAccessibleName(tr("Timeline of the last pass"));
    setAccessibleDescription(
        tr("Left and right walk from span to span, up and down from layer to layer, F shows the "
           "selection, Home the whole pass, plus and minus zoom."));
    m_picture.name = QStringLiteral("timeline");
    m_picture.size = [this] { return viewport()->size(); };
    m_picture.paint = [this](QPaintDevice& device, QSize size) {
        QPainter painter(&device);
        paint(painter, size, false);
    };
    m_picture.csv = [this] { return csv(); };
    m_picture.reset = [this] { fit(); };
    addPictureMenu(*this, m_picture);
    connect(&m_selection, &Selection::changed, this, [this] { updateView(); });
    connect(&theme(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

QString Timeline::csv() const {
    QString text = QStringLiteral("component,stage,layer,kernel,begin [µs],end [µs]\n");
    if (m_point == nullptr) return text;
    const auto add = [&](const auto& event, const QString& kernel) {
        text += QStringLiteral("%1,%2,%3,%4,%5,%6\n")
                    .arg(nameOf(event.component), nameOf(event.stage),
                         event.layer == kNoLayer ? QString() : QString::number(event.layer), kernel,
                         QString::number(event.begin_us, 'f', 3), QString::number(event.end_us, 'f', 3));
    };
    for (const Span& span : m_point->last_pass) add(span, {});
    for (const KernelRun& run : m_point->last_kernels) add(run, csvField(QString::fromStdString(run.name)));
    return text;
}

void Timeline::setProfile(const ProfilePtr& profile) {
    // The rows point into the profile: what is shown keeps it until the next one is laid out.
    m_profile = profile;
    m_point = nullptr;
    updateView();
}

void Timeline::updateView() {
    const profile::Point* point = m_profile ? pointOf(*m_profile, m_selection.focus()) : nullptr;
    if (point != m_point || point == nullptr) {
        m_point = point;
        const std::size_t events = point != nullptr ? point->last_pass.size() + point->last_kernels.size() : 0;
        // With the layout lives what it points into.
        const auto lay = [point, profile = m_profile] {
            struct Kept {
                ProfilePtr profile;
                TimelineLayout layout;
            };
            auto kept = std::make_shared<Kept>(Kept{profile, timelineLayout(*point)});
            return std::shared_ptr<const TimelineLayout>(kept, &kept->layout);
        };
        if (point == nullptr || events <= kAtOnce) {
            m_background.forget();
            setLayout(point != nullptr ? lay() : std::make_shared<TimelineLayout>());
        } else {
            m_background.ask([this, lay] {
                return [this, layout = lay()] {
                    setLayout(layout);
                    updateView();
                };
            });
        }
    }
    if (!m_own_change) followSelection();
    updateScrollBar();
    viewport()->update();
}

void Timeline::setLayout(std::shared_ptr<const TimelineLayout> layout) {
    m_layout = std::move(layout);
    if (m_current) {
        const auto again =
            std::ranges::find_if(m_layout->whole, [&](const Span& s) { return sameSpan(s, *m_current); });
        m_current = again != m_layout->whole.end() ? std::optional(*again) : std::nullopt;
    }
    Q_EMIT captionChanged(caption());
    if (m_fitted || m_view.end_us > m_layout->total_us || m_layout->total_us <= 0) {
        m_view.begin_us = 0;
        m_view.end_us = std::max(m_layout->total_us, 1e-3);
        m_fitted = true;
    }
}

QString Timeline::caption() const {
    if (m_layout->whole.empty()) return {};
    constexpr double kUnusual = 1.25;  // times the median: what this one pass shows is not what the others were
    const double ratio = m_layout->total_us / m_layout->median_us;
    const QString whole = timeText(m_layout->total_us);
    if (ratio > kUnusual) {
        return tr("Last pass at %1 tokens: %2, an unusual one: %3 × the median")
            .arg(grouped(m_layout->length), whole, threeDigits(ratio));
    }
    const QString text = m_layout->has_kernels
                             ? tr("Last pass at %1 tokens: %2, of which the device was idle for %3 (%4)")
                             : tr("Last pass at %1 tokens: %2, of which %3 (%4) between components");
    return text.arg(grouped(m_layout->length), whole, timeText(m_layout->gap_us),
                    percentText(m_layout->total_us > 0 ? m_layout->gap_us / m_layout->total_us : 0));
}

void Timeline::followSelection() {
    const Focus& focus = m_selection.focus();
    if (m_current && (focus.component != m_current->component || (focus.layer && focus.layer != m_current->layer))) {
        m_current.reset();
    }
    if (!focus.layer) return;
    for (std::size_t i = 0; i < m_layout->rows.size(); ++i) {
        if (m_layout->rows[i].layer != *focus.layer) continue;
        const double height = spanHeight();
        const auto top = static_cast<int>(static_cast<double>(i) * height);
        const int room = viewport()->height() - kTop;
        if (top < verticalScrollBar()->value()) {
            verticalScrollBar()->setValue(top);
        } else if (top + height > verticalScrollBar()->value() + room) {
            verticalScrollBar()->setValue(static_cast<int>(top + height) - room);
        }
    }
}

double Timeline::spanHeight() const {
    if (m_row_height > 0) return m_row_height;
    if (m_layout->rows.empty()) return kMostRow;
    const double fit = (viewport()->height() - kTop) / static_cast<double>(m_layout->rows.size());
    // As all rows fit, if they can be told apart then; else scroll, at a height at which names can be read.
    const double most = m_layout->has_kernels ? kMostRow * 1.5 : kMostRow;
    if (m_layout->has_kernels) return std::clamp(fit, kWithKernels, most);
    return fit >= kLeastRow ? std::min(fit, most) : m_layout->has_stages ? kDefaultWithStages - 8 : kLeastRow + 5;
}

void Timeline::updateScrollBar() {
    const auto content = static_cast<int>(std::ceil(spanHeight() * static_cast<double>(m_layout->rows.size())));
    const int room = std::max(0, viewport()->height() - kTop);
    verticalScrollBar()->setRange(0, std::max(0, content - room));
    verticalScrollBar()->setPageStep(room);
    verticalScrollBar()->setSingleStep(static_cast<int>(spanHeight()));
}

void Timeline::fit() {
    m_view.begin_us = 0;
    m_view.end_us = std::max(m_layout->total_us, 1e-3);
    m_fitted = true;
    viewport()->update();
}

void Timeline::fitSelection() {
    const Focus& focus = m_selection.focus();
    double begin = m_layout->total_us;
    double end = 0;
    if (focus.range_us) {
        std::tie(begin, end) = *focus.range_us;
    } else if (m_current && focus.component) {
        begin = m_current->begin_us;
        end = m_current->end_us;
    } else {
        for (const Span& span : m_layout->whole) {
            if (focus.layer && span.layer != *focus.layer) continue;
            if (focus.component && span.component != *focus.component) continue;
            begin = std::min(begin, span.begin_us);
            end = std::max(end, span.end_us);
        }
    }
    if (!(end > begin)) return;
    const double margin = (end - begin) * 0.06;
    m_view.begin_us = std::max(0.0, begin - margin);
    m_view.end_us = std::min(m_layout->total_us, end + margin);
    m_fitted = false;
    viewport()->update();
}

}  // namespace perfmamba::widgets
