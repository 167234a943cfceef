// A drawing that is wider than its place begins in the middle, where its first step is.
function centre() {
  for (const place of document.querySelectorAll(".graph:not([data-seen])")) {
    place.dataset.seen = "";
    place.scrollLeft = (place.scrollWidth - place.clientWidth) / 2;
  }
}

document.addEventListener("fresh", centre);
centre();
