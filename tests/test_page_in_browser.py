"""The page to draw digits on, in Chromium, used with mouse, finger, pen and keyboard."""

import math
import re
import shutil
from statistics import median

import numpy as np
import pytest
from helpers import network_with

from nndl_ext import Network, page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")

# Works as root and without a screen. The browser makes no requests itself.
ARGUMENTS = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
ARGUMENTS += ["disable-component-update", "disable-sync"]

ONE = [[(0.5, 0.15), (0.5, 0.85)]]
SEVEN = [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]]
ZERO = [[(0.5 + 0.22 * math.sin(t * math.pi / 20), 0.5 - 0.33 * math.cos(t * math.pi / 20)) for t in range(41)]]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{argument}" for argument in ARGUMENTS])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def path(mnist, tmp_path_factory):
    """The page of a trained network."""
    file = tmp_path_factory.mktemp("page") / "page.html"
    net = Network([784, 30, 10], seed=0)
    net.SGD(mnist[0], 10, 10, 3.0)
    page.write(net, file)
    return file


@pytest.fixture
def visit(browser):
    """A function that opens a file in a new window. Any request or error of the page fails the test."""
    contexts, troubles = [], []

    def to(file, width=1000, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        tab = context.new_page()
        address = file.as_uri()
        tab.on("request", lambda request: request.url == address or troubles.append(request.url))
        tab.on("websocket", lambda socket: troubles.append(socket.url))
        tab.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.goto(address)
        return tab

    yield to
    for context in contexts:
        context.close()
    assert troubles == []


def places(tab, stroke):
    """Convert points of the canvas to points of the window."""
    box = tab.locator("#paper canvas").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]


def draw(tab, strokes):
    for stroke in strokes:
        (x, y), *others = places(tab, stroke)
        tab.mouse.move(x, y)
        tab.mouse.down()
        for x, y in others:
            tab.mouse.move(x, y, steps=1 if len(others) > 10 else 5)
        tab.mouse.up()


def expect_answer(tab, digit):
    playwright.expect(tab.locator("#answer b")).to_have_text(re.compile(rf"{digit}\??"))
    playwright.expect(tab.locator("#bars .best .name")).to_have_text([str(digit)])


def colours(tab, selector):
    """The colours in a canvas."""
    return set(
        tab.locator(selector).evaluate(
            "c => [...new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer))]"
        )
    )


@pytest.mark.parametrize(("digit", "strokes"), [(1, ONE), (7, SEVEN), (0, ZERO)])
def test_a_drawn_digit_is_read(visit, path, digit, strokes):
    tab = visit(path)
    at_rest, unseen = colours(tab, ".layer canvas"), colours(tab, "#seen")
    draw(tab, strokes)
    expect_answer(tab, digit)
    assert len(colours(tab, ".layer canvas") - at_rest) > 3
    assert len(colours(tab, "#seen") - unseen) > 3
    bars = tab.locator("#bars [role=meter]")
    values = [float(bars.nth(i).get_attribute("aria-valuenow")) for i in range(10)]
    assert values.index(max(values)) == digit
    widths = bars.locator("i").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert widths.index(max(widths)) == digit
    assert tab.get_by_role("meter", name=f"Output for {digit}").count() == 1
    playwright.expect(tab.get_by_role("status")).to_have_text(
        re.compile(rf"The network reads (perhaps )?{digit}, with an output")
    )


def test_the_outputs_are_those_of_the_network_for_the_image_that_is_shown(visit, mnist, tmp_path):
    net = Network([784, 20, 10], seed=2)
    net.SGD(mnist[0][:5000], 2, 10, 3.0)
    page.write(net, tmp_path / "page.html")
    tab = visit(tmp_path / "page.html")
    draw(tab, SEVEN)
    shown = tab.locator("#seen").evaluate("c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]")
    image = np.rint(np.array(shown).reshape(784, 4)[:, 3] * 256 / 255) / 256  # the canvas stores grey levels as opacities
    outputs = net.feedforward(image)[:, 0]
    playwright.expect(tab.locator("#bars .value")).to_have_text([re.compile(r"\d\.\d\d")] * 10)
    values = [float(text) for text in tab.locator("#bars .value").all_inner_texts()]
    assert np.abs(np.array(values) - outputs).max() < 0.03


@pytest.mark.parametrize(
    ("sizes", "activations"),
    [
        ([784, 60, 40, 26], ["tanh", "relu", "softmax"]),
        ([784, 500, 3], ["softplus", "exp"]),
        ([784, 10], ["identity"]),
        ([784, 20, 1], ["identity", "sigmoid"]),
    ],
)
def test_networks_of_all_kinds_are_shown(visit, sizes, activations, tmp_path):
    page.write(network_with(sizes, activations), tmp_path / "page.html")
    tab = visit(tmp_path / "page.html", 390, 844)
    playwright.expect(tab.locator("#bars li")).to_have_count(sizes[-1])
    playwright.expect(tab.locator(".layer")).to_have_count(len(sizes) - 2)
    playwright.expect(tab.locator("#layers")).to_be_visible(visible=len(sizes) > 2)
    signed = "tanh" in activations or "identity" in activations[:-1]
    playwright.expect(tab.locator("#legend")).to_have_text(re.compile("orange means negative" if signed else r"from 0\.$"))
    draw(tab, SEVEN)
    outputs = tab.evaluate("Array.from(feedforward(layers, imageOf(strokes)).at(-1))")
    expected = int(np.argmax(outputs)) if len(outputs) > 1 else int(outputs[0] >= 0.5)
    playwright.expect(tab.locator("#answer b")).to_have_text(re.compile(rf"^{expected}\??$"))
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    if len(sizes) > 2:
        assert len(colours(tab, ".layer canvas >> nth=0")) > 5


@pytest.mark.parametrize("width", [390, 1000])
@pytest.mark.parametrize("outputs", [1, 3])
def test_classes_have_their_names(visit, width, outputs, tmp_path):
    net = network_with([784, outputs], ["sigmoid"])
    net.classes = ["<b>one</b>", "a very long name of a class " * 5, "Ankle boot"][: max(2, outputs)]
    page.write(net, tmp_path / "page.html")
    tab = visit(tmp_path / "page.html", width, 844)
    names = net.classes if outputs > 1 else net.classes[1:]
    assert tab.locator("#bars .name").all_text_contents() == names
    draw(tab, SEVEN)
    best = tab.evaluate("classOf(Array.from(feedforward(layers, imageOf(strokes)).at(-1)))")
    playwright.expect(tab.locator("#answer b")).to_contain_text(net.classes[best].strip())
    assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_an_answer_comes_within_a_frame(visit, path):
    tab = visit(path)
    tab.evaluate("""() => {
        const plain = update;
        window.times = [];
        update = () => {
            const begin = performance.now();
            plain();
            times.push(performance.now() - begin);
        };
    }""")
    draw(tab, ZERO)
    draw(tab, SEVEN)
    times = tab.evaluate("times")
    assert len(times) > 20
    assert median(times) < 16
    scribble = np.cumsum(np.random.default_rng(0).normal(0, 0.004, (1000, 2)), axis=0) + 0.5
    assert tab.evaluate(
        """scribble => {
            const times = Array.from({length: 21}, () => {
                const begin = performance.now();
                feedforward(layers, imageOf([scribble]));
                return performance.now() - begin;
            });
            return times.sort((a, b) => a - b)[10];
        }""",
        scribble.tolist(),
    ) < 16  # fmt: skip


def test_a_blank_canvas_says_so_before_and_after(visit, path):
    tab = visit(path)
    for _ in range(2):
        playwright.expect(tab.locator("#hint")).to_be_visible()
        playwright.expect(tab.locator("#hint")).to_contain_text("The canvas is blank")
        playwright.expect(tab.locator("#answer")).to_have_text("Nothing yet")
        playwright.expect(tab.locator("#bars .best")).to_have_count(0)
        playwright.expect(tab.get_by_role("button", name="Clear")).to_be_disabled()
        assert colours(tab, "#paper canvas") == {0}
        assert colours(tab, "#seen") == {0}
        draw(tab, SEVEN)
        playwright.expect(tab.locator("#hint")).to_be_hidden()
        tab.get_by_role("button", name="Clear").click()
    playwright.expect(tab.get_by_role("status")).to_have_text("The canvas is blank.")


def test_the_last_stroke_can_be_undone(visit, path):
    tab = visit(path)
    draw(tab, ONE)
    expect_answer(tab, 1)
    draw(tab, [[(0.1, 0.1), (0.9, 0.1)], [(0.1, 0.9), (0.9, 0.9)]])
    for _ in range(2):
        tab.get_by_role("button", name="Undo").click()
    expect_answer(tab, 1)
    tab.get_by_role("button", name="Undo").click()
    playwright.expect(tab.locator("#answer")).to_have_text("Nothing yet")


def test_a_drawing_stays_when_the_window_changes(visit, path):
    tab = visit(path)
    draw(tab, SEVEN)
    before = tab.locator("#bars").inner_text()
    for width, height in ((390, 844), (844, 390), (1400, 1000)):
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_timeout(100)
        surface = tab.locator("#paper canvas")
        assert surface.evaluate("c => c.width") == surface.evaluate("c => c.clientWidth")
        assert len(colours(tab, "#paper canvas")) > 1
        assert tab.locator("#bars").inner_text().split() == before.split()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    draw(tab, [[(0.3, 0.5), (0.6, 0.5)]])
    expect_answer(tab, 7)


@pytest.mark.parametrize("density", [1, 3])
def test_canvas_and_answer_fit_onto_a_telephone(visit, path, density):
    tab = visit(path, 390, 780, device_scale_factor=density, has_touch=True, is_mobile=True)
    surface = tab.locator("#paper canvas")
    assert surface.evaluate("c => c.width") == density * surface.evaluate("c => c.clientWidth")
    for selector in ("#paper canvas", "#answer", "#bars"):
        box = tab.locator(selector).bounding_box()
        assert box["y"] + box["height"] < 780, selector
    assert surface.evaluate("c => getComputedStyle(c).touchAction") == "none"


@pytest.mark.parametrize("pointer", ["finger", "pen"])
def test_fingers_and_pens_draw(visit, path, pointer):
    tab = visit(path, 390, 780, has_touch=True, is_mobile=True)
    session = tab.context.new_cdp_session(tab)
    (first, *others), last = places(tab, SEVEN[0]), places(tab, SEVEN[0])[-1]
    steps = [(first, "begin"), *((place, "move") for place in others), (last, "end")]
    for (x, y), step in steps:
        if pointer == "finger":
            name = {"begin": "touchStart", "move": "touchMove", "end": "touchEnd"}[step]
            points = [] if step == "end" else [{"x": x, "y": y}]
            session.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
        else:
            name = {"begin": "mousePressed", "move": "mouseMoved", "end": "mouseReleased"}[step]
            event = {"type": name, "x": x, "y": y, "button": "left", "buttons": 1, "pointerType": "pen"}
            session.send("Input.dispatchMouseEvent", event)
    expect_answer(tab, 7)
    assert tab.evaluate("scrollY") == 0


def test_the_keyboard_draws(visit, path):
    tab = visit(path)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Canvas to draw a digit on"
    assert tab.locator("#keys").bounding_box()["height"] > 20
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Space")
    playwright.expect(tab.get_by_role("status")).to_have_text("Pen down")
    for _ in range(18):
        tab.keyboard.press("ArrowDown")
    expect_answer(tab, 1)
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Shift+ArrowLeft")
    assert tab.evaluate("strokes.length") == 1
    assert tab.evaluate("keyboard.x") == pytest.approx(0.5 - 1.25 / 28)
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Control+z")
    expect_answer(tab, 1)
    tab.keyboard.press("Delete")
    playwright.expect(tab.locator("#answer")).to_have_text("Nothing yet")
    for name in ("Undo", "Clear"):
        assert tab.get_by_role("button", name=name).count() == 1
    playwright.expect(tab.get_by_role("application")).to_have_accessible_description(re.compile("The arrow keys move the pen"))


def test_dark_mode_is_followed(visit, path):
    tab = visit(path, color_scheme="light")
    draw(tab, ONE)

    def brightness(script):
        return sum(map(int, re.findall(r"\d+", tab.evaluate(script))[:3]))

    ground, text = (f"getComputedStyle(document.body).{name}" for name in ("backgroundColor", "color"))
    ink = (
        "(c => c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data.join())"
        "(document.querySelector('#paper canvas'))"
    )
    assert brightness(ground) > 600
    assert brightness(text) < 200
    assert brightness(ink) < 200
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_timeout(100)
    assert brightness(ground) < 150
    assert brightness(text) > 600
    assert brightness(ink) > 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(visit, path, scheme):
    """The contrast meets the Web Content Accessibility Guidelines."""
    tab = visit(path, color_scheme=scheme)

    def luminance(name):
        value = tab.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')").strip()
        parts = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for front, back, least in (
        ("text", "page", 7), ("text", "card", 7), ("quiet", "card", 4.5), ("quiet", "page", 4.5),
        ("accent", "card", 4.5), ("accent", "track", 3), ("quiet", "track", 3),
    ):  # fmt: skip
        darker, lighter = sorted((luminance(front), luminance(back)))
        assert (lighter + 0.05) / (darker + 0.05) >= least, (front, back)


def test_the_page_may_ask_for_nothing(browser, path):
    tab = browser.new_page()
    tab.goto(path.as_uri())
    refused = tab.evaluate("""async () => {
        const refused = [];
        document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
        const tries = [() => fetch("data:,x"), () => navigator.sendBeacon("https://example.invalid/"),
                       () => new WebSocket("wss://example.invalid/"),
                       () => document.body.append(Object.assign(new Image(), {src: "https://example.invalid/x.png"})),
                       () => document.body.append(Object.assign(document.createElement("script"), {textContent: "0"}))];
        for (const one of tries) { try { await one(); } catch {} }
        await new Promise(done => setTimeout(done, 200));
        return refused;
    }""")
    assert sorted(refused) == ["connect-src", "connect-src", "connect-src", "img-src", "script-src-elem"]
    tab.close()


def test_the_visits_of_these_tests_notice_requests(browser, path):
    tab, asked = browser.new_page(), []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    tab.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))")
    tab.wait_for_timeout(100)
    assert asked == [path.as_uri(), "https://example.invalid/x.png"]
    tab.close()
