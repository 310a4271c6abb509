/* Loaded before SimCord's own modules. */

/* SimCord waits for every font it has, 30 MB of them, before it calls a page ready. Here each is
   loaded when a letter needs it. */
document.fonts.load = async () => [];
document.fonts.check = () => true;

/* Whoever reads the newest message goes on seeing the newest one, until they scroll up. */
addEventListener("DOMContentLoaded", () => {
  const timeline = document.getElementById("channel-timeline");
  const near = () => timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < 60;
  const down = () => { if (follows) timeline.scrollTop = timeline.scrollHeight; };
  /* After SimCord, which puts the message that was answered into view and then stays with it. */
  const later = () => { for (const pause of [30, 150, 400]) setTimeout(down, pause); };
  let follows = true;
  const decide = () => setTimeout(() => { follows = near(); }, 120);
  for (const kind of ["wheel", "touchmove", "keydown", "pointerup"]) {
    timeline.addEventListener(kind, decide, { passive: true });
  }
  document.getElementById("history-older").addEventListener("click", () => { follows = false; });
  document.getElementById("new-messages").addEventListener("click", () => { follows = true; later(); });
  const watch = new ResizeObserver(later);
  watch.observe(timeline);
  watch.observe(document.getElementById("channel-message-list"));
});

/* Discord asks the bot for suggestions as soon as a field has the focus, SimCord when something is
   typed; until then it says that nothing matches. */
addEventListener("focusin", ({ target }) => {
  if (!target.classList.contains("command-option-input") || target.value !== "") return;
  setTimeout(() => {
    const popup = document.querySelector(".command-popup:not([hidden])");
    const asks = popup?.querySelector(".command-popup-heading")?.textContent.startsWith("OPTIONS MATCHING");
    if (asks && popup.querySelector(".command-empty")) target.dispatchEvent(new Event("input", { bubbles: true }));
  }, 0);
});
