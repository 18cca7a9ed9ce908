"""How the window looks: a quiet wall, the pictures are the only loud thing."""

from __future__ import annotations

import gradio as gr

PAPER = gr.themes.Color(name="paper", c50="#f7f7f5", c100="#efefec", c200="#e2e2de", c300="#cfcfca", c400="#a3a39d", c500="#7c7c76",
                        c600="#5b5b56", c700="#3d3d39", c800="#2a2a28", c900="#181817", c950="#0f0f0e")
INDIGO = gr.themes.Color(name="ink-indigo", c50="#eef0ff", c100="#e0e3ff", c200="#c7ccff", c300="#a9b0ff", c400="#8a90ff", c500="#5b5ff0",
                         c600="#474ad6", c700="#3a3cb0", c800="#30328c", c900="#2a2c70", c950="#191a42")
SANS = ["ui-sans-serif", "system-ui", "Noto Sans CJK SC", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "monospace"]


def theme() -> gr.themes.Base:
    """Warm neutrals, one accent, one-pixel lines, no shadows, system fonts: nothing is asked from outside."""
    return gr.themes.Base(primary_hue=INDIGO, secondary_hue=PAPER, neutral_hue=PAPER, font=SANS, font_mono=MONO,
                          radius_size=gr.themes.sizes.radius_lg, spacing_size=gr.themes.sizes.spacing_md).set(
        body_background_fill="*neutral_50", body_background_fill_dark="*neutral_950",
        background_fill_primary="white", background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50", background_fill_secondary_dark="*neutral_950",
        body_text_color="*neutral_900", body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
        border_color_primary="*neutral_200", border_color_primary_dark="*neutral_800",
        block_background_fill="white", block_background_fill_dark="*neutral_900",
        block_border_width="1px", block_shadow="none", block_shadow_dark="none", block_radius="14px",
        block_label_text_color="*neutral_600", block_label_text_color_dark="*neutral_400",
        block_title_text_color="*neutral_600", block_title_text_color_dark="*neutral_400", block_title_text_weight="400",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_400",
        input_background_fill="*neutral_50", input_background_fill_dark="*neutral_950", input_radius="10px",
        input_placeholder_color="*neutral_600", input_placeholder_color_dark="*neutral_400",
        input_border_color="*neutral_200", input_border_color_dark="*neutral_800",
        button_primary_background_fill="*neutral_950", button_primary_background_fill_dark="*neutral_100",
        button_primary_background_fill_hover="*neutral_800", button_primary_background_fill_hover_dark="white",
        button_primary_text_color="*neutral_50", button_primary_text_color_dark="*neutral_950",
        button_secondary_background_fill="white", button_secondary_background_fill_dark="*neutral_900",
        button_secondary_background_fill_hover="*neutral_100", button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300", button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px", button_large_radius="14px", button_medium_radius="10px", button_small_radius="10px",
        slider_color="*neutral_700", slider_color_dark="*neutral_300",
        checkbox_label_background_fill="*neutral_50", checkbox_label_background_fill_dark="*neutral_950",
        checkbox_label_text_color_selected="*neutral_950", checkbox_label_text_color_selected_dark="*neutral_50",
        checkbox_label_background_fill_selected="*primary_50", checkbox_label_background_fill_selected_dark="*primary_950",
        checkbox_background_color_selected="*primary_500", checkbox_background_color_selected_dark="*primary_500",
        link_text_color="*primary_600", link_text_color_dark="*primary_300")
