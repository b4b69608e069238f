"""Whether a judge scores captions or the order in which they stand: its orders side by side."""

import pandas as pd
import streamlit as st

from dashboard.charts import judge as judge_charts
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.names.judges import ORDERS, order_of
from dashboard.widgets import text as plain_text
from store.query import judges as judge_queries

CRITERION = "specificity"
"""How concrete a caption is; all orders ask for it in the same words."""


def show(key: Key, judge: str, judges: pd.DataFrame, curves: pd.DataFrame, condition: str) -> None:
    """Draw the section.

    Args:
        key: the run.
        judge: the one that the page shows.
        judges: of `judge_queries.judges`.
        curves: of the condition.
        condition: whose captions.
    """
    st.subheader("Captions or their order")
    layers = dict(zip(judges["judge"], map(tuple, judges["layers"]), strict=True))
    beside = {
        order_of(other)[1]: other
        for other in [*sorted(layers), judge]
        if (order_of(other)[0], layers[other]) == (order_of(judge)[0], layers[judge])
    }
    if len(beside) < 2:
        plain_text.line(
            f"This judge saw the captions of a picture {ORDERS[order_of(judge)[1]]}. The order "
            'may suggest the answer: order = "shuffled" or "reversed" under [judge] asks the same '
            "model with the captions in another order and without the names of their layers.",
            "small",
        )
        return
    plain_text.line(
        "The same model, shown each picture's captions in other orders. A judge of captions "
        "gives a layer the same score in each; one that scores the order falls where it is "
        "reversed and stays level where it is shuffled. Rise: highest minus lowest judged layer, "
        "image by image, with pointwise 95% intervals by Student's t.",
        "small",
    )
    named = {beside[order]: words for order, words in ORDERS.items() if order in beside}
    frame = pd.concat(
        judge_charts.of_judge(curves, "judge", other).assign(series=name)
        for other, name in named.items()
    )
    frame = frame[frame["criterion"] == CRITERION]
    if frame.empty:
        plain_text.line("None of them has a score.", "small")
        return
    chart = display.spec(judge_charts.orders, frame)
    display.chart(chart, "Specificity by layer, a line an order.")
    files.download_row(chart, frame, "judge-orders")
    rises = run_data.asked(key, judge_queries.rises, CRITERION, condition)
    rises = rises.set_index("judge").reindex(list(named)).dropna(subset="n").reset_index()
    st.dataframe(
        pd.DataFrame(
            {
                "captions shown": rises["judge"].map(named),
                "rise": rises["rise"],
                "95% from": rises["low"],
                "95% to": rises["high"],
                "images": rises["n"],
            }
        ),
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("rise", "95% from", "95% to")
        },
    )
